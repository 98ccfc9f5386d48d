package io.gatun.bench.check;

import io.gatun.bench.shape.StepTimes;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.quant.RandomWeights;
import io.gatun.quant.WeightFormat;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * What the parts measure with: a device, and times of calls that are made in turns. Results are
 * medians; every call takes the next of several copies of its operands, so that no cache holds
 * them.
 *
 * @param device what is measured
 * @param scale how large the work is
 * @param arena owns operands
 */
record Bench(Device device, Scale scale, Arena arena) {
  private static final double CACHES = 400e6; // three times the largest second-level cache

  /** How large the work is. */
  enum Scale {
    /** As the targets say. */
    FULL(20e6, 9),
    /** A fraction of it, to see that every part works; says nothing about speed. */
    SMALL(1e5, 3);

    private final double batchNanos;
    private final int rounds;

    Scale(double batchNanos, int rounds) {
      this.batchNanos = batchNanos;
      this.rounds = rounds;
    }
  }

  /** A size, or a fraction of it that is a multiple of 64. */
  int size(int full) {
    return scale == Scale.FULL ? full : Math.max(64, full / 64 / 64 * 64);
  }

  /** A count, or a small one. */
  int count(int full, int small) {
    return scale == Scale.FULL ? full : small;
  }

  /** How many copies of operands of so many bytes no cache holds. */
  int copies(long bytes) {
    return scale == Scale.FULL ? Math.clamp((long) Math.ceil(CACHES / bytes), 1, 64) : 2;
  }

  RandomWeights random(long seed) {
    return new RandomWeights(device, seed, arena);
  }

  Matrix bf16(int rows, int cols) {
    return random(rows).matrix(rows, cols, DType.BF16);
  }

  Matrix empty(DType dtype, int rows, int cols) {
    return Matrix.allocate(device, "result", dtype, rows, cols, arena);
  }

  /** A 4-bit weight with double quantization. */
  Nf4Matrix nf4(int rows, int cols, long seed) {
    return (Nf4Matrix) random(seed).weight(List.of(rows), cols, WeightFormat.nf4());
  }

  /** Bytes of such a weight. */
  static double nf4Bytes(double rows, double cols) {
    return rows * cols * (0.5 + 1.0 / 64 + 4.0 / (64 * 256));
  }

  /**
   * Seconds of one call of each work. A work is given the number of the call.
   *
   * @param works measured in turns
   * @return the median of each
   */
  double[] seconds(IntConsumer... works) {
    int[] calls = new int[works.length];
    for (int w = 0; w < works.length; w++) {
      batch(works[w], 2); // compiles kernels
      calls[w] = 1;
      while (batch(works[w], calls[w]) * 1e9 * calls[w] < scale.batchNanos) {
        calls[w] *= 2;
      }
    }
    var times = new double[works.length][scale.rounds];
    for (int round = 0; round < scale.rounds; round++) {
      for (int w = 0; w < works.length; w++) {
        times[w][round] = batch(works[w], calls[w]);
      }
    }
    return Arrays.stream(times).mapToDouble(StepTimes::median).toArray();
  }

  private double batch(IntConsumer work, int calls) {
    device.synchronize();
    long begin = System.nanoTime();
    for (int call = 0; call < calls; call++) {
      work.accept(call);
    }
    device.synchronize();
    return (System.nanoTime() - begin) / 1e9 / calls;
  }
}
