package io.gatun.runtime.train;

/** How long a run goes. */
public sealed interface TrainingLength {
  /**
   * Optimizer steps of the run.
   *
   * @param perEpoch optimizer steps of an epoch
   * @return steps, at least 1
   */
  int steps(int perEpoch);

  /**
   * Passes over all rows.
   *
   * @param count more than 0; the last may be a part of one
   */
  record Epochs(double count) implements TrainingLength {
    /** Checks the count. */
    public Epochs {
      if (!(count > 0 && count <= 1e6)) {
        throw new IllegalArgumentException("A run needs more than 0 epochs, not " + count + ".");
      }
    }

    @Override
    public int steps(int perEpoch) {
      double steps = Math.ceil(count * perEpoch);
      if (steps > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "%s epochs of %,d steps each are more than a run can count; ask for fewer."
                .formatted(count, perEpoch));
      }
      return (int) steps;
    }
  }

  /**
   * Optimizer steps.
   *
   * @param count more than 0
   */
  record Steps(int count) implements TrainingLength {
    /** Checks the count. */
    public Steps {
      if (count < 1) {
        throw new IllegalArgumentException("A run needs at least 1 step, not " + count + ".");
      }
    }

    @Override
    public int steps(int perEpoch) {
      return count;
    }
  }
}
