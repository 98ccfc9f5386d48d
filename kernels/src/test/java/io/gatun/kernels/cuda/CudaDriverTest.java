package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DeviceException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Machines that cannot run Gatun are refused with a sentence. */
class CudaDriverTest {
  @BeforeEach
  void require() {
    CudaTests.requireEmulator();
  }

  @AfterEach
  void restore() {
    if (CudaTests.emulated()) {
      CudaTests.call("emu_device", 1, 8, 0, 13000);
    }
  }

  private static String refused(int ordinal) {
    return assertThrows(DeviceException.class, () -> CudaDevice.open(ordinal)).getMessage();
  }

  @Test
  void noGpu() {
    CudaTests.call("emu_device", 0, 8, 0, 13000);
    assertEquals(
        "the CUDA driver finds no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES, or use"
            + " Device.cpu()",
        refused(0));
  }

  @Test
  void aGpuThatIsNotThere() {
    CudaTests.call("emu_device", 2, 8, 0, 13000);
    assertEquals("there is no GPU 2; this machine has 2, from 0", refused(2));
    assertEquals("there is no GPU -1; this machine has 2, from 0", refused(-1));
  }

  @Test
  void aDriverOlderThanTheCompiler() {
    CudaTests.call("emu_device", 1, 8, 0, 12080);
    String message = refused(0);
    assertTrue(
        message.startsWith("the NVIDIA driver supports CUDA 12.8, but CUDA 13 is needed (NVRTC: "),
        message);
    assertTrue(message.endsWith("; update the driver, or install NVRTC of CUDA 12"), message);
  }

  @Test
  void aGpuThatIsTooOld() {
    CudaTests.call("emu_device", 1, 7, 5, 13000);
    assertEquals(
        "GPU 0 (Gatun emulator) has compute capability 7.5; 8.0 or newer is needed, which is"
            + " Ampere",
        refused(0));
  }

  @ParameterizedTest
  @CsvSource({"8,0,sm_80", "8,9,sm_89", "9,0,sm_90a", "10,0,sm_100a", "12,0,sm_120a"})
  void kernelsAreCompiledForExactlyThisGpu(int major, int minor, String architecture) {
    CudaTests.call("emu_device", 1, major, minor, 13000);
    assertEquals(architecture, CudaDriver.open(0).architecture());
  }
}
