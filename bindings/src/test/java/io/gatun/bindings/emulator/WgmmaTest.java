package io.gatun.bindings.emulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Products of a warpgroup on the emulator as a Hopper GPU, and the mistakes made with them. */
class WgmmaTest {
  private static final int SIZE = 64;
  private static final int SHARED = 1024 + 2 * SIZE * SIZE * 2;

  @BeforeEach
  void hopper() {
    Emulator.requirePresent();
    Emulator.call("emu_device", 1, 9, 0, 13000);
  }

  @AfterEach
  void restore() {
    Emulator.call("emu_device", 1, 8, 0, 13000);
  }

  /** Small whole numbers, of which every product and sum is exact in BF16 and FP32. */
  private static int number(int row, int col, int seed) {
    return (row * 7 + col * 3 + seed) % 16 == 0 ? 1 + (row + col) % 2 : 0;
  }

  private static short[] tile(int seed) {
    var bits = new short[SIZE * SIZE];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = (short) (Float.floatToRawIntBits(number(i / SIZE, i % SIZE, seed)) >> 16);
    }
    return bits;
  }

  private static float[] expected() {
    var z = new float[SIZE * SIZE];
    for (int i = 0; i < SIZE; i++) {
      for (int j = 0; j < SIZE; j++) {
        int score = 0;
        for (int k = 0; k < SIZE; k++) {
          score += number(i, k, 1) * number(j, k, 2);
        }
        for (int k = 0; k < SIZE; k++) {
          z[i * SIZE + k] += score * number(j, k, 2);
        }
      }
    }
    return z;
  }

  /** What the kernel with one text replaced makes, or what the emulator says against it. */
  private static Object run(Emulator emulator, String from, String to) {
    var kernel = emulator.hopperKernel("hopper.cu", "chain", from, to);
    long x = emulator.memory("x", MemorySegment.ofArray(tile(1)));
    long y = emulator.memory("y", MemorySegment.ofArray(tile(2)));
    long z = emulator.memory("z", 4L * SIZE * SIZE);
    emulator.check(emulator.launch(emulator.stream, kernel, 1, 1, 128, SHARED, x, y, z));
    int code = emulator.synchronize();
    return code == 0 ? emulator.read(z, SIZE * SIZE) : emulator.message(code);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void productsAreRight(int order) {
    try (var emulator = Emulator.open()) {
      Emulator.call("emu_order", order, 5L);
      assertArrayEquals(expected(), (float[]) run(emulator, "", ""));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          fence_proxy_async();          |                            | written without fence_proxy_async
          wgmma_fence(); // again       |                            | no wgmma_fence since registers
          wgmma_wait<0>(); // second    |                            | thread ends with wgmma from line
          wgmma_commit(); // second     |                            | thread ends with wgmma from line
          __syncthreads();              |                            | race with a write by thread
          / ATOM * ATOM)                | / ATOM * ATOM + 128)       | no multiple of 1024 bytes
          (sum, w, right                | (sum, w, right + 2 * 64 * 64  | out of bounds: read of 16 bytes
          wgmma_commit(); // second     | wgmma_commit(); w[0][0]++; | registers of an operand changed
          wgmma_fence(); // again       | if (threadIdx.x > 32) wgmma_fence(); | divergence: wgmma
          multiply_turned<64>(sum, w, right, false) | multiply_turned<64>(sum, w, threadIdx.x < 64 ? left : right, false) | different tiles
          """)
  void mistakesAreSeen(String from, String to, String says) {
    try (var emulator = Emulator.open()) {
      var seen = run(emulator, from, to == null ? "" : to);
      assertTrue(seen instanceof String message && message.contains(says), seen::toString);
    }
  }

  /** What no check can see gives other numbers: a use before the wait, another swizzle. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          to + swizzled<64>(i / 8, i % 8 * 8)   | to + 8 * i
          as_operand(s, w);                     | as_operand(sum, w);
          pin(sum);                             | sum[3][1] = 0;
          """)
  void wrongKernelsGiveOtherNumbers(String from, String to) {
    try (var emulator = Emulator.open()) {
      var seen = run(emulator, from, to);
      assertFalse(seen instanceof float[] z && Arrays.equals(expected(), z));
    }
  }

  /** Where a product is under way its sums are no numbers. */
  @ParameterizedTest
  @ValueSource(strings = {"wgmma_wait<0>();\n  pin(s);"})
  void sumsAreThereAfterTheWaitOnly(String wait) {
    try (var emulator = Emulator.open()) {
      var seen = run(emulator, wait, "");
      assertNotEquals(String.class, seen.getClass(), seen::toString);
      assertTrue(Float.isNaN(((float[]) seen)[0]));
    }
  }

  @ParameterizedTest
  @CsvSource({"8,9", "10,0"})
  void otherGpusHaveNone(int major, int minor) {
    Emulator.call("emu_device", 1, major, minor, 13000);
    try (var emulator = Emulator.open()) {
      emulator.architecture = "sm_" + major + minor;
      var seen = run(emulator, "", "");
      assertTrue(
          seen instanceof String message
              && message.contains("only GPUs of compute capability 9.0 have it"),
          seen::toString);
    }
  }
}
