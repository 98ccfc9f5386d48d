package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.checkpoint.Checkpoint;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** The tensors of a golden safetensors file as Java arrays. */
public final class TensorFile {
  private final Checkpoint file;

  public TensorFile(Path path, Arena arena) {
    this.file = Checkpoint.open(path, arena);
  }

  public Set<String> names() {
    return file.names();
  }

  public boolean has(String name) {
    return file.names().contains(name);
  }

  /** Whether a tensor holds real numbers, not integers. */
  public boolean isReal(String name) {
    return file.info(name).dtype().startsWith("F");
  }

  public List<Long> shape(String name) {
    return file.info(name).shape();
  }

  public float[] floats(String name) {
    return file.readFloats(name);
  }

  public double[] doubles(String name) {
    return file.raw(name).orElseThrow().toArray(ValueLayout.JAVA_DOUBLE_UNALIGNED);
  }

  /** Integers of an I64 tensor. */
  public int[] ints(String name) {
    long[] longs = file.raw(name).orElseThrow().toArray(ValueLayout.JAVA_LONG_UNALIGNED);
    int[] ints = new int[longs.length];
    for (int i = 0; i < ints.length; i++) {
      ints[i] = Math.toIntExact(longs[i]);
    }
    return ints;
  }

  /** The rows of a two-dimensional I64 tensor. */
  public int[][] rows(String name) {
    List<Long> shape = file.info(name).shape();
    int[] all = ints(name);
    int length = Math.toIntExact(shape.get(1));
    int[][] rows = new int[Math.toIntExact(shape.get(0))][];
    for (int r = 0; r < rows.length; r++) {
      rows[r] = java.util.Arrays.copyOfRange(all, r * length, (r + 1) * length);
    }
    return rows;
  }

  /** Every element within an absolute tolerance. */
  public static void assertClose(String what, float[] expected, float[] actual, double tolerance) {
    assertEquals(expected.length, actual.length, what + ": length");
    int worst = 0;
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(expected[i] - actual[i]) <= Math.abs(expected[worst] - actual[worst]))) {
        worst = i;
      }
    }
    int at = worst;
    double difference = expected.length == 0 ? 0 : Math.abs(expected[at] - actual[at]);
    assertTrue(
        difference <= tolerance,
        () ->
            "%s: element %d of %d is %s, expected %s (difference %.3g, tolerance %.3g)"
                .formatted(
                    what, at, expected.length, actual[at], expected[at], difference, tolerance));
  }

  /** The largest magnitude. */
  public static double max(float[] values) {
    double max = 0;
    for (float v : values) {
      max = Math.max(max, Math.abs(v));
    }
    return max;
  }
}
