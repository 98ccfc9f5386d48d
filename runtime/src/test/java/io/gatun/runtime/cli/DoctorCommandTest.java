package io.gatun.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.kernels.cuda.CudaTests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.ObjectMapper;

class DoctorCommandTest {
  private static final String CACHE = "gatun.cache";

  @TempDir Path temp;

  private static void requireEmulator() {
    assumeTrue(CudaTests.emulated(), "no emulator of CUDA here");
  }

  @Test
  void aMachineWithoutCudaIsAnOrdinaryOne() throws IOException, InterruptedException {
    var doctor = Invocation.outside(List.of(), "doctor").succeeds();
    assumeFalse(doctor.out().contains("--device cuda  can be used"), "this machine has a GPU");
    assertFalse(doctor.out().contains("\tat "), doctor.out());
    for (String part :
        List.of(
            "  Java ",
            "  CPU ",
            "! CUDA driver    the CUDA driver was not found (tried ",
            "Install NVIDIA's driver for the GPU of this machine",
            "! --device cuda  cannot be used: CUDA driver is missing")) {
      assertTrue(doctor.out().contains(part), () -> part + " in " + doctor.out());
    }
    Path model = TinyModel.write(temp.resolve("model"));
    Invocation.outside(List.of(), "generate", "--model", model, "-p", "x", "--device", "cuda")
        .fails(1, "gatun: the CUDA driver was not found (tried ", "Install NVIDIA's driver");
  }

  @Test
  void aGpuIsNamed() {
    requireEmulator();
    var doctor = Invocation.run("doctor").succeeds();
    assertTrue(
        doctor.out().contains("  GPU 0          Gatun emulator, compute capability 8.0, "),
        doctor.out());
    assertTrue(doctor.out().contains("  --device cuda  can be used"), doctor.out());
  }

  /** What the machine has, and why that does not do: doctor and a run say the same. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0 | 8 | 0 | 13000 | the CUDA driver finds no GPU; check nvidia-smi",
        "1 | 8 | 0 | 12080 | the NVIDIA driver supports CUDA 12.8, but CUDA 13 is needed",
        "1 | 7 | 5 | 13000 | GPU 0 (Gatun emulator) has compute capability 7.5; 8.0 or newer"
      })
  void whatCannotServeIsRefused(int gpus, int major, int minor, int driver, String sentence)
      throws IOException {
    requireEmulator();
    Path model = TinyModel.write(temp.resolve("model"));
    CudaTests.call("emu_device", gpus, major, minor, driver);
    try {
      var doctor = Invocation.run("doctor").succeeds();
      assertEquals(gpus > 0, doctor.out().contains("  GPU 0 "), doctor.out());
      assertTrue(
          doctor.out().contains("! --device cuda  cannot be used: " + sentence), doctor.out());
      Invocation.run("generate", "--model", model, "-p", "x", "--device", "cuda")
          .fails(1, "gatun: " + sentence);
    } finally {
      CudaTests.call("emu_device", 1, 8, 0, 13000);
    }
  }

  @Test
  void eachLibraryOfNvidiasIsNeeded() throws IOException, InterruptedException {
    requireEmulator();
    var alone = Invocation.outside(List.of(), "doctor").succeeds().out();
    var files = Map.of("NVRTC", "libnvrtc.so.13", "cuBLASLt", "libcublasLt.so.13");
    for (var library : files.entrySet()) {
      String missing = library.getKey() + " was not found (tried ";
      assumeTrue(alone.contains(missing), "this machine has a " + library.getKey() + " of its own");
      Path others = copyEmulatorWithout(library.getValue());
      var doctor = Invocation.outside(List.of("env", "GATUN_CUDA_PATH=" + others), "doctor");
      assertTrue(doctor.succeeds().out().contains("  GPU 0          Gatun"), doctor.out());
      assertTrue(doctor.out().contains(missing), doctor.out());
      String verdict = "! --device cuda  cannot be used: %s is missing".formatted(library.getKey());
      assertTrue(doctor.out().contains(verdict), doctor.out());
    }
  }

  private Path copyEmulatorWithout(String file) throws IOException {
    Path folder = Files.createDirectory(temp.resolve("without-" + file));
    try (var all = Files.list(Path.of(System.getProperty("gatun.cuda.path")))) {
      for (Path library : all.filter(f -> !f.endsWith(file)).toList()) {
        Files.copy(library, folder.resolve(library.getFileName()));
      }
    }
    return folder;
  }

  @Test
  void tooLittleMemoryIsATableOfNames() throws IOException {
    requireEmulator();
    Path model = TinyModel.write(temp.resolve("model"));
    CudaTests.call("emu_capacity", 1L << 15);
    try {
      Invocation.run("generate", "--model", model, "-p", "x", "--device", "cuda")
          .fails(1, "gatun: no memory for loading: 32,768 bytes asked for", "16,384  base.bf16");
    } finally {
      CudaTests.call("emu_capacity", 1L << 30);
    }
  }

  /** Without a folder for the native library not even the CPU works, which is a failure. */
  @Test
  void aBrokenCacheFolderIsSaid() throws IOException {
    Path file = Files.writeString(temp.resolve("file"), "");
    String before = System.getProperty(CACHE, "");
    System.setProperty(CACHE, file.toString());
    try {
      var doctor = Invocation.run("doctor");
      assertEquals(1, doctor.code(), doctor.out());
      assertTrue(doctor.out().contains(file + " is no folder"), doctor.out());
      assertTrue(doctor.out().contains("! CPU            cannot be used: "), doctor.out());
      assertEquals("", doctor.err());
    } finally {
      if (before.isEmpty()) {
        System.clearProperty(CACHE);
      } else {
        System.setProperty(CACHE, before);
      }
    }
  }

  @Test
  void programsGetJson() {
    var doctor = Invocation.run("doctor", "--json").succeeds();
    var read = new ObjectMapper().readTree(doctor.out());
    assertTrue(read.path("cpuWorks").asBoolean());
    assertEquals("Java", read.path("findings").path(0).path("what").asString());
  }
}
