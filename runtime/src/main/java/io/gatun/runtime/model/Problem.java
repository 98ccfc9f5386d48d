package io.gatun.runtime.model;

/** What a classifier's outputs mean, and how it is trained (formats.md 5.9). */
public enum Problem {
  /** One label of several; softmax and cross-entropy. */
  SINGLE_LABEL("single_label_classification"),
  /** Each label by itself; sigmoid and binary cross-entropy. */
  MULTI_LABEL("multi_label_classification"),
  /** A number for each label; mean squared error. */
  REGRESSION("regression");

  private final String configName;

  Problem(String configName) {
    this.configName = configName;
  }

  /**
   * Its name in files.
   *
   * @return {@code problem_type} of config.json
   */
  public String configName() {
    return configName;
  }
}
