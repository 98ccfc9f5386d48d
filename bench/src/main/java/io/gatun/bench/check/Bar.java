package io.gatun.bench.check;

/**
 * What a figure should reach.
 *
 * @param limit the number
 * @param least whether the figure must be at least that; else at most
 */
record Bar(double limit, boolean least) {
  static Bar atLeast(double limit) {
    return new Bar(limit, true);
  }

  static Bar atMost(double limit) {
    return new Bar(limit, false);
  }

  boolean isMetBy(double value) {
    return least ? value >= limit : value <= limit;
  }

  @Override
  public String toString() {
    return (least ? ">= " : "<= ") + Figure.number(limit);
  }
}
