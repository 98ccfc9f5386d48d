package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.CudaFindings;
import io.gatun.kernels.CudaFindings.Gpu;
import io.gatun.kernels.Device;
import io.gatun.kernels.cache.Cache;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is said of a machine before a device is opened. */
class CudaSurveyTest {
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

  @Test
  void whatIsThereIsNamedWithItsVersion() {
    var found = CudaFindings.look();
    assertEquals(Optional.empty(), found.refusal());
    assertEquals(
        List.of("CUDA driver 13", "NVRTC 13", "cuBLASLt "),
        found.libraries().stream()
            .map(l -> l.name() + " " + l.version().replaceFirst("\\..*", ""))
            .toList());
    for (var library : found.libraries()) {
      assertTrue(library.found(), library.text());
    }
    long memory = found.gpus().getFirst().memory();
    assertEquals(List.of(new Gpu(0, "Gatun emulator", "8.0", memory)), found.gpus());
    try (Device device = Device.cuda()) {
      assertEquals(memory, device.memory().capacity());
    }
    var compiler = new CudaCompiler("sm_80", Cache.folder("cuda"));
    for (var kernel : CudaKernel.values()) {
      assertTrue(compiler.has(CudaModules.program(kernel.stem())), kernel.stem());
    }
  }

  @Test
  void gpusThatCannotServeAreListedAndRefused() {
    CudaTests.call("emu_device", 2, 7, 5, 13000);
    var found = CudaFindings.look();
    assertEquals(List.of("7.5", "7.5"), found.gpus().stream().map(Gpu::capability).toList());
    assertTrue(
        found.refusal().orElseThrow().contains("has compute capability 7.5; 8.0 or newer"),
        found.refusal().orElseThrow());
    CudaTests.call("emu_device", 0, 8, 0, 13000);
    found = CudaFindings.look();
    assertEquals(List.of(), found.gpus());
    assertFalse(found.refusal().isEmpty());
  }
}
