package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A kernel that writes outside its memory: who says so, and when. A real GPU would stay broken. */
class CudaFaultTest {
  private static final String SYNC = "gatun.syncEveryLaunch";

  @BeforeEach
  void require() {
    CudaTests.requireEmulator();
  }

  @AfterEach
  void clear() {
    System.clearProperty(SYNC);
  }

  private static void fault(Device device, Arena arena) {
    Matrix x = Matrix.allocate(device, "x", DType.F32, 3, 5, arena);
    Matrix small = Matrix.allocate(device, "small", DType.F32, 1, 5, arena);
    ((CudaDevice) device).launch(CudaKernel.ADD).matrix("x", x).matrix("ySum", small).enqueue(1);
  }

  @Test
  void withSyncEveryLaunchTheLaunchItselfSaysSo() {
    System.setProperty(SYNC, "true");
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      var e = assertThrows(DeviceException.class, () -> fault(device, arena));
      assertTrue(
          e.getMessage()
              .startsWith(
                  "add: CUDA_ERROR_ILLEGAL_ADDRESS: out of bounds: read of 4 bytes at offset 20 of"
                      + " allocation "),
          e.getMessage());
      assertTrue(
          e.getMessage().contains("(its address is in the arguments at byte 40)"), e.getMessage());
      assertTrue(
          e.getMessage().contains("ySum at byte 40: 1x5 F32 of buffer small; gpu 0"),
          e.getMessage());
      assertTrue(e.getMessage().contains(" at add.cu:"), e.getMessage());
    }
  }

  @Test
  void withoutItALaterCallDoesAndSaysHowToFindOut() {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      fault(device, arena);
      var e = assertThrows(DeviceException.class, device::synchronize);
      assertTrue(
          e.getMessage().contains("synchronize: CUDA_ERROR_ILLEGAL_ADDRESS: out of bounds"),
          e.getMessage());
      assertTrue(
          e.getMessage()
              .contains(
                  "An earlier kernel may have failed, the last one was add; start with"
                      + " -Dgatun.syncEveryLaunch=true"),
          e.getMessage());
      assertThrows(DeviceException.class, () -> device.allocate("more", 1, arena));
    }
    try (Device again = CudaTests.open()) {
      again.synchronize();
    }
  }
}
