package io.gatun.bindings.emulator;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.cuda.Cuda;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.function.IntSupplier;

/** The kernels of the test resources with their inputs and what they must give. */
final class Kernels {
  private Kernels() {}

  /** A launch that is ready, and the check of its results. */
  record Run(IntSupplier launcher, Runnable checker) {
    int launch() {
      return launcher.getAsInt();
    }

    void check() {
      checker.run();
    }
  }

  enum Problem {
    TABLE {
      @Override
      Run prepare(Emulator e, String from, String to) {
        return table(e, from, to);
      }
    },
    TILES {
      @Override
      Run prepare(Emulator e, String from, String to) {
        return tiles(e, from, to);
      }
    },
    TICKET {
      @Override
      Run prepare(Emulator e, String from, String to) {
        return ticket(e, from, to);
      }
    },
    WARPS {
      @Override
      Run prepare(Emulator e, String from, String to) {
        return warps(e, from, to);
      }
    };

    abstract Run prepare(Emulator e, String from, String to);
  }

  private static Run table(Emulator e, String from, String to) {
    int n = 100;
    var codes = new Random(1).ints(4 * n, 0, 64).toArray();
    var x = floats(2, 4 * n);
    var table = floats(3, 64);
    long y = e.memory("y", 16 * n);
    long c = e.memory("codes", MemorySegment.ofArray(codes));
    long xs = e.floats("x", x);
    long t = e.floats("table", table);
    var kernel = e.kernel("table.cu", "look_up", from, to);
    var expected = new float[4 * n];
    for (int i = 0; i < expected.length; i++) {
      expected[i] = table[codes[i]] + x[i];
    }
    return new Run(
        () -> e.launch(kernel, 2, 64, c, xs, t, y, n),
        () -> assertArrayEquals(expected, e.read(y, 4 * n)));
  }

  private static Run tiles(Emulator e, String from, String to) {
    int m = 128;
    int n = 48;
    int k = 80;
    short[] a = bf16(floats(1, m * k));
    short[] b = bf16(floats(2, k * n));
    long as = e.memory("a", MemorySegment.ofArray(a));
    long bs = e.memory("b", MemorySegment.ofArray(b));
    long c = e.memory("c", 4L * m * n);
    long sums = e.memory("sums", 4L * m * n / 16);
    var kernel = e.kernel("tiles.cu", "multiply", from, to);
    int shared = 2 * 80 * 24 * 2;
    return new Run(
        () -> e.launch(e.stream, kernel, n / 16, m / 64, 128, shared, as, bs, c, sums, n, k),
        () -> checkProduct(a, b, n, k, e.read(c, m * n), e.read(sums, m * n / 16)));
  }

  /** Each sum of k products rounded to fp32 a few times lies within k roundings of the terms. */
  private static void checkProduct(short[] a, short[] b, int n, int k, float[] c, float[] sums) {
    var rows = new double[sums.length];
    var size = new double[sums.length];
    for (int i = 0; i < c.length; i++) {
      double sum = 0;
      double terms = 0;
      for (int j = 0; j < k; j++) {
        double term = (double) widen(a[i / n * k + j]) * widen(b[j * n + i % n]);
        sum += term;
        terms += Math.abs(term);
      }
      assertTrue(Math.abs(c[i] - sum) <= terms * k * Math.ulp(1f), "c " + i);
      rows[i / 16] += sum;
      size[i / 16] += terms;
    }
    for (int i = 0; i < rows.length; i++) {
      assertTrue(Math.abs(sums[i] - rows[i]) <= size[i] * k * Math.ulp(1f), "sums " + i);
    }
  }

  private static Run ticket(Emulator e, String from, String to) {
    int blocks = 8;
    var x = floats(1, 64 * blocks);
    long xs = e.floats("x", x);
    long parts = e.memory("parts", 4L * blocks);
    long tickets = e.memory("tickets", MemorySegment.ofArray(new int[1]));
    long sum = e.memory("sum", 4);
    var kernel = e.kernel("ticket.cu", "total", from, to);
    float expected = 0;
    for (int block = 0; block < blocks; block++) {
      var terms = java.util.Arrays.copyOfRange(x, 64 * block, 64 * block + 64);
      for (int o = 32; o > 0; o /= 2) {
        for (int t = 0; t < o; t++) {
          terms[t] += terms[t + o];
        }
      }
      expected += terms[0];
    }
    float result = expected;
    return new Run(
        () -> e.launch(kernel, blocks, 64, xs, parts, tickets, sum),
        () -> assertEquals(result, e.read(sum, 1)[0]));
  }

  private static Run warps(Emulator e, String from, String to) {
    var data = new short[128];
    for (int i = 0; i < data.length; i++) {
      data[i] = (short) (3 * i);
    }
    long d = e.memory("data", MemorySegment.ofArray(data));
    long count = e.memory("count", MemorySegment.ofArray(new int[1]));
    var kernel = e.kernel("warps.cu", "exchange", from, to);
    return new Run(
        () -> e.launch(kernel, 2, 64, d, count),
        () -> {
          var values = e.arena.allocate(JAVA_SHORT, 128);
          e.check(Cuda.cuMemcpyDtoH_v2(values, d, 256));
          for (int i = 0; i < 128; i++) {
            assertEquals(6 * i + (i % 64 ^ 1) + 1 + i % 4, values.getAtIndex(JAVA_SHORT, i));
          }
          var threads = e.arena.allocate(JAVA_INT);
          e.check(Cuda.cuMemcpyDtoH_v2(threads, count, 4));
          assertEquals(128, threads.get(JAVA_INT, 0));
        });
  }

  static float[] floats(long seed, int count) {
    var random = new Random(seed);
    var values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** The upper halves: bf16 numbers. */
  static short[] bf16(float[] values) {
    var bits = new short[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
    }
    return bits;
  }

  static float widen(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
