package io.gatun.runtime.train;

import java.util.List;

/** What a row of classification data is labelled with. */
public sealed interface Label {
  /**
   * One of several labels.
   *
   * @param index its place among {@link Labels#names}
   */
  record One(int index) implements Label {}

  /**
   * Any number of labels that hold together.
   *
   * @param indices their places among {@link Labels#names}, ascending; perhaps none
   */
  record Several(List<Integer> indices) implements Label {
    /** Copies the indices. */
    public Several {
      indices = List.copyOf(indices);
    }
  }

  /**
   * A number, for regression.
   *
   * @param number the number, finite
   */
  record Value(double number) implements Label {}
}
