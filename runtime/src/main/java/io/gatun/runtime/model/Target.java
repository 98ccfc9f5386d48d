package io.gatun.runtime.model;

/** What a classifier should say of a sequence. */
public sealed interface Target {

  /**
   * One label of several.
   *
   * @param index its number, from 0
   */
  record Label(int index) implements Target {}

  /**
   * A number for each label: in multi-label classification 0 or 1, or a probability; in regression
   * any.
   *
   * @param values in the order of the labels
   */
  record Values(float... values) implements Target {}

  /** Nothing is known: the sequence is to be looked at only. */
  record Unknown() implements Target {}
}
