package io.gatun.runtime.train;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** A figure that an evaluation yields, by which adapters can be compared. */
public enum Metric {
  /** Mean loss: negative log-likelihood in nats; in regression, the mean squared error. */
  LOSS("loss", false),
  /** exp(loss). */
  PERPLEXITY("perplexity", false),
  /** Share of prompts answered exactly as expected. */
  EXACT_MATCH("exact match", true),
  /** Share of rows whose label is right. */
  ACCURACY("accuracy", true),
  /** Mean of the F1 of all labels. */
  F1("macro F1", true),
  /** F1 of all labels counted together, where several apply to a row. */
  MICRO_F1("micro F1", true),
  /** Pearson's correlation of predicted and actual numbers, in regression. */
  PEARSON("Pearson correlation", true);

  private final String title;
  private final boolean higherIsBetter;

  Metric(String title, boolean higherIsBetter) {
    this.title = title;
    this.higherIsBetter = higherIsBetter;
  }

  /**
   * The metric of a name.
   *
   * @param name as flags have it: {@code loss}, {@code exact-match}, …
   * @return the metric
   */
  public static Metric named(String name) {
    String wanted = name.toLowerCase(Locale.ROOT).replace('_', '-').replaceFirst("^eval-", "");
    return Arrays.stream(values())
        .filter(metric -> metric.flag().equals(wanted))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "There is no metric \"%s\"; there are %s."
                    .formatted(
                        name,
                        Arrays.stream(values())
                            .map(Metric::flag)
                            .collect(Collectors.joining(", ")))));
  }

  /**
   * The name in flags.
   *
   * @return lower case, with hyphens
   */
  public String flag() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The name in JSON.
   *
   * @return lower case, with underscores
   */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Whether one value is better than another by more than a margin. What is no number is never
   * better.
   *
   * @param value the one
   * @param other the other
   * @param margin not negative
   * @return true if it is
   */
  public boolean isBetter(double value, double other, double margin) {
    return higherIsBetter ? value > other + margin : value < other - margin;
  }

  /**
   * The name, for people.
   *
   * @return for example {@code macro F1}
   */
  public String title() {
    return title;
  }

  /**
   * A value with its name, for people.
   *
   * @param value the value
   * @return for example {@code loss 1.2345} or {@code exact match 7.0 %}
   */
  public String text(double value) {
    return title + " " + number(value);
  }

  /**
   * How a value changed, for people.
   *
   * @param before the value there was
   * @param after the value there is
   * @return for example {@code accuracy 9.5 % -> 78.0 %}
   */
  public String text(double before, double after) {
    return text(before) + " -> " + number(after);
  }

  /**
   * A value, for people.
   *
   * @param value the value
   * @return for example {@code 1.2345} or {@code 7.0 %}
   */
  public String number(double value) {
    return switch (this) {
      case EXACT_MATCH, ACCURACY -> String.format(Locale.ROOT, "%.1f %%", 100 * value);
      case LOSS, F1, MICRO_F1, PEARSON -> String.format(Locale.ROOT, "%.4f", value);
      case PERPLEXITY -> String.format(Locale.ROOT, "%.2f", value);
    };
  }
}
