package io.gatun.runtime.train;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarStyle;

/** Shows a run while it goes: a bar on a terminal, plain lines anywhere else. */
public final class Progress implements TrainingListener, AutoCloseable {
  private final PrintStream out;
  private final boolean terminal;
  private final int every;
  private Optional<ProgressBar> bar = Optional.empty();
  private Optional<Measurement> evaluation = Optional.empty();
  private double lossSum;
  private int lossCount;
  private long tokens;
  private Duration time = Duration.ZERO;

  private Progress(PrintStream out, boolean terminal, int every) {
    if (every < 1) {
      throw new IllegalArgumentException("Progress lines come every 1 or more steps, not " + every);
    }
    this.out = out;
    this.terminal = terminal;
    this.every = every;
  }

  /**
   * A bar where the program talks to a terminal, else lines.
   *
   * @param out where to show it
   * @param every steps between two lines; the bar moves with every step
   * @return the display, to be closed after the run
   */
  public static Progress on(PrintStream out, int every) {
    var console = System.console();
    return console != null && console.isTerminal() ? bar(out, every) : lines(out, every);
  }

  /** A bar, whatever {@code out} is. */
  static Progress bar(PrintStream out, int every) {
    return new Progress(out, true, every);
  }

  /**
   * Lines, whatever {@code out} is.
   *
   * @param out where to print
   * @param every steps between two lines; the first and the last step always have one
   * @return the display
   */
  public static Progress lines(PrintStream out, int every) {
    return new Progress(out, false, every);
  }

  @Override
  public void step(Step step) {
    lossSum += step.loss();
    lossCount++;
    tokens += step.tokens();
    time = time.plus(step.duration());
    if (terminal) {
      move(step);
    } else if (step.number() == 1 || step.number() % every == 0 || step.number() == step.total()) {
      print(step);
    }
    if (terminal && step.number() % every == 0) {
      restart();
    }
  }

  /** In the bar from its next step on; a line where there is no bar yet. */
  @Override
  public void evaluation(Measurement measurement) {
    evaluation = Optional.of(measurement);
    if (bar.isEmpty()) {
      out.println(
          format(
              "step %d/%d  evaluation  %s  %.1f s%s",
              measurement.step(),
              measurement.total(),
              measurement.text(),
              measurement.duration().toNanos() * 1e-9,
              measurement.best() ? "  best so far" : ""));
    }
  }

  /** Leaves the last state of the bar on its line. */
  @Override
  public void close() {
    bar.ifPresent(ProgressBar::close);
    bar = Optional.empty();
  }

  private void move(Step step) {
    if (bar.isEmpty()) {
      bar =
          Optional.of(
              ProgressBar.builder()
                  .setTaskName("train")
                  .setInitialMax(step.total())
                  .startsFrom(0, step.elapsed())
                  .setStyle(ProgressBarStyle.ASCII)
                  .setConsumer(new ConsoleProgressBarConsumer(out))
                  .setUpdateIntervalMillis(500)
                  .build());
    }
    String heldOut = evaluation.map(last -> ", held out " + brief(last)).orElse("");
    bar.get()
        .setExtraMessage(
            format("loss %.4f", step.loss()) + heldOut + format(", %.0f tok/s", speed()))
        .stepTo(step.number());
  }

  /**
   * The figures without their names, as lines are short: the accuracy alone where there is one; and
   * the perplexity says nothing that the loss does not.
   */
  private static String brief(Measurement measurement) {
    var accuracy = measurement.figures().get(Metric.ACCURACY);
    if (accuracy != null) {
      return Metric.ACCURACY.number(accuracy);
    }
    return measurement.figures().entrySet().stream()
        .filter(figure -> figure.getKey() != Metric.PERPLEXITY)
        .map(figure -> figure.getKey().number(figure.getValue()))
        .collect(Collectors.joining(" "));
  }

  private void print(Step step) {
    out.println(
        format(
            "step %d/%d  epoch %.2f  loss %.4f  grad %.3f  lr %.2e  %.0f tok/s  %s left",
            step.number(),
            step.total(),
            step.epoch(),
            lossSum / lossCount,
            step.gradNorm(),
            step.learningRate(),
            speed(),
            clock(step.left())));
    restart();
  }

  private void restart() {
    lossSum = 0;
    lossCount = 0;
    tokens = 0;
    time = Duration.ZERO;
  }

  private double speed() {
    return tokens / Math.max(1e-9, time.toNanos() * 1e-9);
  }

  private static String clock(Duration duration) {
    long seconds = Math.round(duration.toMillis() / 1000.0);
    return seconds < 3600
        ? format("%d:%02d", seconds / 60, seconds % 60)
        : format("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  }

  private static String format(String pattern, Object... arguments) {
    return String.format(Locale.ROOT, pattern, arguments);
  }
}
