package io.gatun.runtime.train;

import java.util.List;

/**
 * What the labels of some rows can be.
 *
 * @param kind what a label is
 * @param names of the labels, in the order of a model's outputs; none for regression
 */
public record Labels(Kind kind, List<String> names) {
  /** What a label is; the names of Hugging Face's {@code problem_type} in lower case. */
  public enum Kind {
    /** One of several. */
    SINGLE_LABEL_CLASSIFICATION,
    /** Any number of several. */
    MULTI_LABEL_CLASSIFICATION,
    /** A number. */
    REGRESSION
  }

  /** Copies the names. */
  public Labels {
    names = List.copyOf(names);
    if (names.isEmpty() != (kind == Kind.REGRESSION)) {
      throw new IllegalArgumentException(kind + " cannot have " + names.size() + " label names");
    }
  }

  /**
   * Numbers that a model puts out for a row.
   *
   * @return one for each name; 1 for regression
   */
  public int outputs() {
    return Math.max(1, names.size());
  }
}
