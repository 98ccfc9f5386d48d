package io.gatun.runtime.model;

import io.gatun.quant.checkpoint.Checkpoint;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a classifier tells apart.
 *
 * @param names of the labels, in the order of the logits
 * @param problem what the logits mean
 */
public record Labels(List<String> names, Problem problem) {
  private static final int MOST = 1 << 20;

  /** Copies the names and refuses those that say nothing. */
  public Labels {
    names = List.copyOf(names);
    if (names.isEmpty() || Set.copyOf(names).size() < names.size()) {
      throw new IllegalArgumentException(
          "labels need at least one name, and each its own, not " + names);
    }
    if (names.size() == 1 && problem == Problem.SINGLE_LABEL) {
      throw new IllegalArgumentException(
          "one label alone is always the right one: name two or more, or use regression or"
              + " multi-label classification");
    }
  }

  /**
   * One label of several.
   *
   * @param names of the labels, two or more
   * @return the labels
   */
  public static Labels of(String... names) {
    return new Labels(List.of(names), Problem.SINGLE_LABEL);
  }

  /**
   * Labels that have no names of their own: LABEL_0, LABEL_1 and so on.
   *
   * @param count how many; one means regression
   * @return the labels
   */
  public static Labels count(int count) {
    if (count < 1 || count > MOST) {
      throw new IllegalArgumentException(
          "a classifier has at least one label and at most %,d, not %,d".formatted(MOST, count));
    }
    var names = IntStream.range(0, count).mapToObj(String::valueOf).map(Labels::unnamed).toList();
    return new Labels(names, count == 1 ? Problem.REGRESSION : Problem.SINGLE_LABEL);
  }

  /**
   * What a label is called that has no name.
   *
   * @param number of the label, from 0
   * @return for example LABEL_0
   */
  public static String unnamed(String number) {
    return "LABEL_" + number;
  }

  /**
   * The labels that a model was made for.
   *
   * @param checkpoint its files
   * @return {@code id2label} and {@code problem_type} of its config.json; LABEL_0 and LABEL_1 where
   *     it has none
   * @throws UnsupportedException if they make no sense
   */
  public static Labels of(Checkpoint checkpoint) {
    return read(checkpoint.config());
  }

  /**
   * The same labels for another problem.
   *
   * @param problem what the logits mean
   * @return a copy
   */
  public Labels withProblem(Problem problem) {
    return new Labels(names, problem);
  }

  /**
   * How many.
   *
   * @return number of logits
   */
  public int size() {
    return names.size();
  }

  /**
   * Reads the keys of config.json that say what is told apart.
   *
   * @param json the object that has them
   * @return the labels
   * @throws UnsupportedException if they make no sense
   */
  public static Labels read(JsonNode json) {
    var byId = json.path("id2label");
    try {
      if (!byId.isObject() || byId.isEmpty()) {
        return problem(json, count(json.path("num_labels").asInt(2)));
      }
      var names = IntStream.range(0, byId.size()).mapToObj(i -> name(byId, i)).toList();
      return problem(json, new Labels(names, count(names.size()).problem()));
    } catch (IllegalArgumentException e) {
      throw new UnsupportedException("id2label and problem_type: " + e.getMessage());
    }
  }

  private static String name(JsonNode byId, int id) {
    return byId.path(String.valueOf(id))
        .asStringOpt()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "of %d labels each from 0 on needs a name, and %d has none"
                    .formatted(byId.size(), id)));
  }

  private static Labels problem(JsonNode json, Labels labels) {
    if (!json.path("problem_type").isString()) {
      return labels;
    }
    String name = json.path("problem_type").stringValue();
    return Stream.of(Problem.values())
        .filter(p -> p.configName().equals(name))
        .findFirst()
        .map(labels::withProblem)
        .orElseThrow(() -> new IllegalArgumentException("\"" + name + "\" is no known problem"));
  }

  /**
   * Writes what {@link #read} reads.
   *
   * @param json gets {@code id2label}, {@code label2id} and {@code problem_type}
   */
  public void write(ObjectNode json) {
    var byId = json.putObject("id2label");
    var byName = json.putObject("label2id");
    for (int i = 0; i < names.size(); i++) {
      byId.put(String.valueOf(i), names.get(i));
      byName.put(names.get(i), i);
    }
    json.put("problem_type", problem.configName());
  }
}
