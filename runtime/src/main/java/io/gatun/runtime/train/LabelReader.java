package io.gatun.runtime.train;

import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Problem;
import io.gatun.runtime.model.Target;
import io.gatun.runtime.train.LabelledText.Kind;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Finds out what the labels of some rows can be, and reads labels as those. */
final class LabelReader {
  private static final int SHOWN = 10; // names in a message
  private static final Set<Kind> NUMBERS = EnumSet.of(Kind.INTEGER, Kind.NUMBER);

  private final Labels labels;
  private final Map<String, Integer> places = new HashMap<>();

  LabelReader(Labels labels) {
    this.labels = labels;
    labels.names().forEach(name -> places.put(name, places.size()));
  }

  /**
   * The labels of rows that are trained on.
   *
   * @throws DatasetException where rows do not agree in what a label is, or all have the same
   */
  static Labels find(Path file, List<LabelledText> texts) {
    Set<Kind> seen = EnumSet.noneOf(Kind.class);
    for (LabelledText text : texts) {
      boolean agrees =
          seen.contains(text.kind()) || NUMBERS.containsAll(seen) && NUMBERS.contains(text.kind());
      if (!agrees && !seen.isEmpty()) {
        throw text.place()
            .error(
                "the label is %s, in the rows before it is %s; all rows need labels of one kind.",
                text.kind().title, seen.iterator().next().title);
      }
      seen.add(text.kind());
    }
    if (seen.contains(Kind.NUMBER)) {
      return Labels.count(1);
    }
    List<String> names = names(texts);
    boolean several = seen.contains(Kind.LIST);
    requireChoice(file, names, several ? 1 : 2);
    return new Labels(names, several ? Problem.MULTI_LABEL : Problem.SINGLE_LABEL);
  }

  /** All names: integers by size, others in the order of their code points. */
  private static List<String> names(List<LabelledText> texts) {
    List<String> names = texts.stream().flatMap(text -> text.names().stream()).distinct().toList();
    boolean integers = texts.stream().allMatch(LabelledText::hasIntegers);
    Comparator<String> order =
        integers
            ? Comparator.comparing(BigInteger::new)
            : Comparator.comparing(name -> name.codePoints().toArray(), Arrays::compare);
    return names.stream().sorted(order).toList();
  }

  private static void requireChoice(Path file, List<String> names, int atLeast) {
    if (names.isEmpty()) {
      throw new DatasetException(
          file + ": no row has a label, so there is nothing to learn; add labels.");
    }
    if (names.size() < atLeast) {
      throw new DatasetException(
          "%s: every row has the label \"%s\"; a classifier needs rows with at least two labels."
              .formatted(file, names.getFirst()));
    }
  }

  /**
   * The label of a row.
   *
   * @throws DatasetException where it is of another kind, or has a name that is not known
   */
  Target read(LabelledText text) {
    boolean fits =
        switch (labels.problem()) {
          case SINGLE_LABEL -> text.kind() == Kind.NAME || text.kind() == Kind.INTEGER;
          case MULTI_LABEL -> text.kind() == Kind.LIST;
          case REGRESSION -> NUMBERS.contains(text.kind());
        };
    if (!fits) {
      throw text.place()
          .error(
              "the label is %s, but the rows that were trained on have %s; write it like theirs.",
              text.kind().title, expected());
    }
    return switch (labels.problem()) {
      case SINGLE_LABEL -> new Target.Label(place(text, text.names().getFirst()));
      case MULTI_LABEL -> several(text);
      case REGRESSION -> new Target.Values(number(text));
    };
  }

  private Target several(LabelledText text) {
    float[] values = new float[labels.size()];
    text.names().forEach(name -> values[place(text, name)] = 1);
    return new Target.Values(values);
  }

  private static float number(LabelledText text) {
    float number = (float) text.number();
    if (!Float.isFinite(number)) {
      throw text.place().error("the label %s is too large for fp32.", text.number());
    }
    return number;
  }

  private String expected() {
    return switch (labels.problem()) {
      case SINGLE_LABEL -> "one name or integer each";
      case MULTI_LABEL -> "a list each";
      case REGRESSION -> "a number each";
    };
  }

  private int place(LabelledText text, String name) {
    return Optional.ofNullable(places.get(name))
        .or(() -> unnamed(text, name))
        .orElseThrow(() ->
            text.place()
                .error(
                    "the label \"%s\" does not occur in the rows that were trained on (%s); remove"
                        + " the row, or train on rows with that label.",
                    name, known()));
  }

  /** Of a model whose labels have no names of their own, an integer is the number of a label. */
  private Optional<Integer> unnamed(LabelledText text, String name) {
    return text.hasIntegers()
        ? Optional.ofNullable(places.get(Labels.unnamed(name)))
        : Optional.empty();
  }

  private String known() {
    String first = labels.names().stream().limit(SHOWN).collect(Collectors.joining(", "));
    int more = labels.names().size() - SHOWN;
    return more > 0 ? first + " and " + more + " more" : first;
  }
}
