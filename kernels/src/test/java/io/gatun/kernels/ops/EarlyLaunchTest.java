package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.cuda.CudaTests;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * From compute capability 9.0 on a product of few rows begins beside the launch before it; the
 * emulator fails one that then touches what that launch wrote before it waits.
 */
class EarlyLaunchTest {
  @BeforeEach
  void hopper() {
    CudaTests.requireEmulator();
    CudaTests.call("emu_device", 1, 9, 0, 13000);
  }

  @AfterEach
  void asBefore() {
    if (CudaTests.emulated()) {
      CudaTests.call("emu_device", 1, 8, 0, 13000);
    }
  }

  private static long early() {
    try (Arena arena = Arena.ofConfined()) {
      var out = arena.allocate(ValueLayout.JAVA_LONG);
      CudaTests.call("emu_early_launches", out);
      return out.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  private static float[] product(Device device, Matrix x, Nf4Matrix w, Arena arena) {
    Matrix y = Matrix.allocate(device, "y", DType.F32, x.rows(), w.rows(), arena);
    Add.run(x, x);
    MatMul.forward(x, w, y);
    return HostCopy.readFloats(y);
  }

  @Test
  void aProductBeginsBesideTheLaunchThatMakesItsInput() {
    Devices.emulator((device, arena) -> {
      Nf4Matrix w = MatMulTest.bands(device, Code.NF4, 64, 70, 128, Layout.TILED, true, arena);
      Matrix x = Matrix.allocate(device, "x", DType.BF16, 1, 128, arena);
      HostCopy.write(x, Samples.normal(1, 128));
      product(device, x, w, arena);
      HostCopy.write(x, Samples.normal(1, 128));
      long before = early();
      float[] y = product(device, x, w, arena);
      assertEquals(before + 1, early());
      HostCopy.write(x, Samples.normal(1, 128));
      Add.run(x, x);
      device.synchronize();
      Matrix alone = Matrix.allocate(device, "alone", DType.F32, 1, w.rows(), arena);
      MatMul.forward(x, w, alone);
      assertArrayEquals(HostCopy.readFloats(alone), y);
    });
  }

  /** What is read before the wait must have been there before. */
  @Test
  void aWeightThatWasJustUsedIsWaitedFor() {
    Devices.emulator((device, arena) -> {
      Matrix from = Samples.random(device, DType.BF16, 32, 128, 3, arena);
      Matrix x = Matrix.allocate(device, "x", DType.BF16, 1, 128, arena);
      Matrix y = Matrix.allocate(device, "y", DType.F32, 1, 32, arena);
      HostCopy.write(x, Samples.normal(1, 128));
      Nf4Matrix w = MatMulTest.bands(device, Code.NF4, 64, 32, 128, Layout.TILED, true, arena);
      long before = early();
      Matrix decoded = Matrix.allocate(device, "decoded", DType.BF16, 32, 128, arena);
      Nf4Dequantize.run(w, decoded);
      MatMul.forward(x, w, y);
      MatMul.forward(x, w, y);
      assertEquals(before, early());
      Add.run(from, decoded);
      MatMul.forward(x, w, y);
      assertEquals(before + 1, early());
    });
  }
}
