package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Philox;
import io.gatun.kernels.cuda.CudaTests;
import io.gatun.kernels.ops.Sample.Filters;
import io.gatun.kernels.ops.Sample.Seen;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every device draws the tokens of the reference, whose probabilities are those of softmax. */
class SampleTest {
  private static final float NAN = Float.NaN;
  private static final float INFINITY = Float.POSITIVE_INFINITY;
  private static final Filters ALL = new Filters(1, 0, 1, 0, 1);
  private static final List<Filters> FILTERS =
      List.of(
          ALL,
          new Filters(0, 0, 1, 0, 1.5f),
          new Filters(0.7f, 20, 0.9f, 0, 1),
          new Filters(1.3f, 0, 0.8f, 0.05f, 1.3f),
          new Filters(0.6f, 3, 1, 0, 0.5f),
          new Filters(2, 100_000, 0.999f, 0.2f, 1),
          new Filters(1e-30f, 0, 0.5f, 0, 1),
          new Filters(1e30f, 7, 0.5f, 0.9f, 1),
          new Filters(1, 1, 1e-30f, 0, 1));

  private static int word(int draw) {
    return Philox.words(42, draw, 0, 0, Philox.Purpose.SAMPLING.ordinal())[0];
  }

  /** Draws a token of each row, of sequence 0 in the first, of 1 in the second and so on. */
  private static int[] draw(
      Device device, float[][] rows, int count, Filters filters, int draw, BitSet seen) {
    try (Arena arena = Arena.ofConfined()) {
      int cols = rows[0].length;
      Matrix x = Matrix.allocate(device, "x", DType.F32, rows.length, cols + 5, arena);
      x = x.colSlice(3, cols);
      int words = Seen.words(count);
      int[] bits = new int[words * rows.length];
      int[] choices = new int[2 * rows.length];
      for (int i = 0; i < rows.length; i++) {
        HostCopy.write(x.rowSlice(i, 1), rows[i]);
        choices[2 * i] = word(draw + i);
        choices[2 * i + 1] = i;
        for (int t = seen.nextSetBit(0); t >= 0; t = seen.nextSetBit(t + 1)) {
          bits[i * words + t / 32] |= 1 << t;
        }
      }
      var known = new Seen(Samples.ints(device, bits, arena), words);
      Ints found = Ints.allocate(device, "found", rows.length, arena);
      Ints chosen = Samples.ints(device, choices, arena);
      Sample.run(x, count, filters, chosen, Optional.of(known), found);
      int[] tokens = HostCopy.readInts(found);
      for (int i = 0; i < rows.length; i++) {
        bits[i * words + tokens[i] / 32] |= 1 << tokens[i];
      }
      assertArrayEquals(bits, HostCopy.readInts(known.bits()), "tokens seen");
      return tokens;
    }
  }

  private static void check(
      Device device, float[][] rows, int count, Filters filters, int draw, BitSet seen) {
    int[] actual = draw(device, rows, count, filters, draw, seen);
    for (int i = 0; i < rows.length; i++) {
      int expected = SampleReference.run(rows[i], count, filters, word(draw + i), seen);
      assertEquals(expected, actual[i], "%s, row %d, %d tokens".formatted(filters, i, count));
    }
  }

  private static BitSet everyThird(int count) {
    var seen = new BitSet();
    for (int t = 0; t < count; t += 3) {
      seen.set(t);
    }
    return seen;
  }

  /** Random logits; of the second row many are equal, and the third has extremes. */
  private static float[][] logits(int cols) {
    float[] normal = Samples.normal(cols, 3 * cols);
    float[][] rows = new float[3][];
    for (int i = 0; i < 3; i++) {
      rows[i] = Arrays.copyOfRange(normal, i * cols, (i + 1) * cols);
    }
    for (int t = 0; t < cols; t++) {
      rows[0][t] *= 3;
      rows[1][t] = Math.round(rows[1][t]);
      rows[2][t] = t % 7 == 3 ? NAN : t % 11 == 5 ? -INFINITY : rows[2][t] * 40;
    }
    return rows;
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, _) -> {
      int draw = 0;
      for (int cols : new int[] {1, 13, 207, 8209}) {
        for (var filters : cols > 1000 ? FILTERS.subList(2, 5) : FILTERS) {
          check(device, logits(cols), cols, filters, draw++, everyThird(cols));
          check(device, logits(cols), (cols + 1) / 2, filters, draw++, new BitSet());
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void extremes(Devices.Place place) {
    float[][] rows = {
      {NAN, NAN, NAN, NAN, NAN},
      {NAN, -INFINITY, NAN, -INFINITY, NAN},
      {1, INFINITY, NAN, INFINITY, -INFINITY},
      {-0f, 0f, -0f, 0f, 0f},
      {Float.MAX_VALUE, -Float.MAX_VALUE, 3, Float.MAX_VALUE, 0},
      {-Float.MIN_VALUE, Float.MIN_VALUE, 0, 1e-40f, -1e-40f},
      {4, 4, 4, 4, 4}
    };
    place.run((device, _) -> {
      for (int draw = 0; draw < 3; draw++) {
        for (var filters : FILTERS) {
          check(device, rows, 5, filters, draw, everyThird(4));
        }
      }
    });
  }

  /** Rows without a sequence are drawn too, and nothing is noted of them. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void whoIsNoSequenceLeavesNoTrace(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 2, 9, arena);
      Ints choices = Samples.ints(device, new int[] {word(1), -1, word(2), 1}, arena);
      Ints found = Ints.allocate(device, "found", 2, arena);
      var seen = new Seen(Ints.allocate(device, "seen", 2, arena), 1);
      Sample.run(x, 9, ALL, choices, Optional.of(seen), found);
      int[] tokens = HostCopy.readInts(found);
      assertArrayEquals(new int[] {0, 1 << tokens[1]}, HostCopy.readInts(seen.bits()));
      Sample.run(x, 9, ALL, choices, Optional.empty(), found);
      assertArrayEquals(tokens, HostCopy.readInts(found));
      Ints none = Ints.allocate(device, "none", 0, arena);
      Sample.run(x.rowSlice(0, 0), 9, ALL, none, Optional.empty(), none);
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusesWhatDoesNotFit(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 1, 40, arena);
      Ints two = Ints.allocate(device, "two", 2, arena);
      Ints found = Ints.allocate(device, "found", 1, arena);
      var none = Optional.<Seen>empty();
      var e =
          assertThrows(
              IllegalArgumentException.class, () -> Sample.run(x, 41, ALL, two, none, found));
      assertEquals("sample: 41 columns of 1x40 F32", e.getMessage());
      var few = Optional.of(new Seen(two, 1));
      e =
          assertThrows(
              IllegalArgumentException.class, () -> Sample.run(x, 40, ALL, two, few, found));
      assertEquals("sample: 1 words of seen tokens for 40 columns", e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> new Filters(-1, 0, 1, 0, 1));
      assertThrows(IllegalArgumentException.class, () -> new Filters(1, 0, 1, 0, INFINITY));
    });
  }

  /** Once for the likeliest, once for the sum of all, and once to find what was drawn. */
  @Test
  void logitsAreReadThreeTimesWhereNothingIsCut() {
    Devices.emulator((device, arena) -> {
      Matrix x = Samples.whole(device, DType.F32, 1, 9000, 1, arena);
      Ints choices = Samples.ints(device, new int[] {-1, -1}, arena); // the last of the tokens
      Ints found = Ints.allocate(device, "found", 1, arena);
      Traffic.count(device, () -> Sample.run(x, 9000, ALL, choices, Optional.empty(), found));
      long row = Matrix.bytes(DType.F32, 1, 9000);
      long[] moved = CudaTests.moved(x.buffer());
      assertEquals(row, moved[1], "bytes read once");
      assertTrue(moved[0] > 3 * row && moved[0] < 3.1 * row, () -> moved[0] + " of " + row);
      assertEquals(moved[0], 16 * moved[2], "16 times the reads");
    });
  }

  /** The whole numbers that devices add are the probabilities of softmax. */
  @Test
  void weightsAreThoseOfSoftmax() {
    var tolerance = Tolerance.of(DType.F32, 1);
    for (float distance = 0; distance < 12; distance += 0.0137f) {
      double expected = 0x1p40 * Math.exp(-distance);
      double actual = SampleReference.weight(distance);
      // A rounding of distance / ln 2 shifts the exponent by as many units as it has.
      double limit = (2 + distance) * tolerance.relative() * expected + 1;
      assertEquals(expected, actual, limit, "distance " + distance);
    }
    assertEquals(1L << 40, SampleReference.weight(0));
  }

  /** Pearson's sum over 4000 draws stays below what chance exceeds once in a thousand times. */
  @Test
  void tokensComeAsOftenAsTheyAreLikely() {
    float[] row = {1, 2, 0, -1, 1.5f, 2, -3, 0.5f};
    var filters = new Filters(0.8f, 0, 0.97f, 0, 1);
    int draws = 4000;
    var times = new int[row.length];
    try (Device device = Device.cpu()) {
      float[][] rows = new float[draws / 8][];
      Arrays.fill(rows, row);
      for (int i = 0; i < draws; i += rows.length) {
        for (int token : draw(device, rows, row.length, filters, i, new BitSet())) {
          times[token]++;
        }
      }
    }
    var kept = SampleReference.kept(row, filters);
    double all = kept.stream().mapToDouble(w -> w.weight()).sum();
    double sum = 0;
    for (var w : kept) {
      double expected = draws * w.weight() / all;
      sum += Math.pow(times[w.token()] - expected, 2) / expected;
      times[w.token()] = 0;
    }
    assertArrayEquals(new int[row.length], times, "tokens that were cut");
    assertEquals(6, kept.size());
    double chance = 20.5; // of five degrees of freedom
    assertTrue(sum < chance, () -> "chi-square " + Arrays.toString(times));
  }
}
