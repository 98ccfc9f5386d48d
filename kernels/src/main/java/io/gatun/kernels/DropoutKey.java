package io.gatun.kernels;

/**
 * Which mask dropout draws. Together with token index and feature it is the whole input of the
 * random numbers, so a mask does not depend on threads, packing or order.
 *
 * @param seed seed of the run
 * @param step optimizer step
 * @param tensor number of the layer and tensor, 0 to 2^28 - 1
 */
public record DropoutKey(long seed, int step, int tensor) {
  /** Refuses a tensor number that would reach into the bits of the purpose. */
  public DropoutKey {
    if (tensor < 0 || tensor >= 1 << 28) {
      throw new IllegalArgumentException(
          "dropout tensor number %d is not in 0 to 2^28 - 1".formatted(tensor));
    }
  }

  /**
   * The fourth counter word: the purpose in its top four bits, then the tensor.
   *
   * @return the word
   */
  public int word() {
    return Philox.Purpose.DROPOUT.ordinal() << 28 | tensor;
  }
}
