package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cuda.CudaTests;

/**
 * What launches moved between memory and threads, as the emulator counts it, against the floor:
 * every byte once, 16 at a time. A matrix here has a buffer of its own.
 */
final class Traffic {
  private static final int ACCESS_BYTES = 16;

  private Traffic() {}

  /**
   * Runs ops, whose moves the methods below then look at.
   *
   * @param device the emulator
   * @param ops what to run
   */
  static void count(Device device, Runnable ops) {
    device.synchronize();
    CudaTests.call("emu_count");
    ops.run();
    device.synchronize();
  }

  /** Every byte was read by one thread, once, 16 at a time. */
  static void readsOnce(Matrix m) {
    once(m, 0, "read");
  }

  /** Every byte was written by one thread, once, 16 at a time. */
  static void writesOnce(Matrix m) {
    once(m, 3, "written");
  }

  /** Every byte was read, by several threads or at several times, 16 at a time: from a cache. */
  static void readsOften(Matrix m) {
    long[] moved = CudaTests.moved(m.buffer());
    assertEquals(bytes(m), moved[1], () -> "bytes read of " + m.shape());
    assertEquals(moved[0], ACCESS_BYTES * moved[2], () -> "16 times the reads of " + m.shape());
  }

  private static void once(Matrix m, int at, String how) {
    long[] moved = CudaTests.moved(m.buffer());
    assertEquals(bytes(m), moved[at + 1], () -> "bytes %s of %s".formatted(how, m.shape()));
    assertEquals(
        bytes(m), moved[at], () -> "bytes %s of %s, all counted".formatted(how, m.shape()));
    assertEquals(
        bytes(m), ACCESS_BYTES * moved[at + 2], () -> "16 times the accesses of " + m.shape());
  }

  private static long bytes(Matrix m) {
    return Matrix.bytes(m.dtype(), m.rows(), m.cols());
  }
}
