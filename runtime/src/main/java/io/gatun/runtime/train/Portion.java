package io.gatun.runtime.train;

/** A number of optimizer steps, said outright or as a share of the whole run. */
public sealed interface Portion {
  /**
   * The number of steps in a run.
   *
   * @param total optimizer steps of the run
   * @return steps; a share is rounded up
   */
  int of(int total);

  /**
   * A fixed number of steps.
   *
   * @param count steps, not negative
   * @return the portion
   */
  static Portion steps(int count) {
    return new Steps(count);
  }

  /**
   * A share of the run.
   *
   * @param fraction from 0 to 1
   * @return the portion
   */
  static Portion share(double fraction) {
    return new Share(fraction);
  }

  /**
   * A fixed number of steps.
   *
   * @param count steps, not negative
   */
  record Steps(int count) implements Portion {
    /** Checks the count. */
    public Steps {
      if (count < 0) {
        throw new IllegalArgumentException("A number of steps cannot be negative: " + count + ".");
      }
    }

    @Override
    public int of(int total) {
      return count;
    }
  }

  /**
   * A share of the run.
   *
   * @param fraction from 0 to 1
   */
  record Share(double fraction) implements Portion {
    /** Checks the fraction. */
    public Share {
      if (!(fraction >= 0 && fraction <= 1)) {
        throw new IllegalArgumentException(
            "A share of the steps lies between 0 and 1, not " + fraction + ".");
      }
    }

    @Override
    public int of(int total) {
      return (int) Math.ceil(total * fraction);
    }
  }
}
