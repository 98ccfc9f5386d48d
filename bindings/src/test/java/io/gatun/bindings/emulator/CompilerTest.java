package io.gatun.bindings.emulator;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.bindings.nvrtc.Nvrtc;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** The emulator's run-time compiler, and what a module refuses. */
class CompilerTest {
  private static final String KERNEL = "extern \"C\" __global__ void k(float* x) { *x = 1; }";

  @Test
  void anErrorIsInTheLogWithItsLine() {
    try (var e = Emulator.open()) {
      var program =
          e.program(
              "#line 7 \"wrong.cu\"\nextern \"C\" __global__ void k(float* x) { *x = y; }",
              "wrong.cu");
      assertEquals(Nvrtc.NVRTC_ERROR_COMPILATION(), e.compile(program, "--gpu-architecture=sm_80"));
      assertTrue(e.log(program).contains("wrong.cu:7:"), e.log(program));
    }
  }

  @Test
  void unknownOptionsAreRefused() {
    try (var e = Emulator.open()) {
      var program = e.program(KERNEL, "k.cu");
      assertEquals(
          Nvrtc.NVRTC_ERROR_INVALID_OPTION(),
          e.compile(program, "--gpu-architecture=sm_80", "--fast"));
      assertTrue(e.log(program).contains("--fast"), e.log(program));
      assertEquals(Nvrtc.NVRTC_ERROR_INVALID_OPTION(), e.compile(program));
    }
  }

  @Test
  void aFrameThatALocalMemoryCannotHoldIsRefused() {
    try (var e = Emulator.open()) {
      var program =
          e.program(
              "extern \"C\" __global__ void k(float* x) { volatile float local[20000]; local[0] ="
                  + " 1; *x = local[0]; }",
              "k.cu");
      assertEquals(Nvrtc.NVRTC_ERROR_COMPILATION(), e.compile(program, "--gpu-architecture=sm_80"));
      assertTrue(e.log(program).contains("frame"), e.log(program));
    }
  }

  @Test
  void modulesOfOtherDevicesAndOtherThingsAreRefused() {
    try (var e = Emulator.open()) {
      var image = e.compile("k.cu", KERNEL);
      var out = e.arena.allocate(ADDRESS);
      var none = MemorySegment.NULL;
      try {
        Emulator.call("emu_device", 1, 9, 0, 13000);
        e.check(Cuda.cuInit(0));
        int code = Cuda.cuModuleLoadDataEx(out, image, 0, none, none);
        assertEquals(Cuda.CUDA_ERROR_NO_BINARY_FOR_GPU(), code);
        assertEquals("the module is for sm_80, the device is sm_90", e.message(code));
      } finally {
        Emulator.call("emu_device", 1, 8, 0, 13000);
        e.check(Cuda.cuInit(0));
      }
      int code = Cuda.cuModuleLoadDataEx(out, e.arena.allocate(4096), 0, none, none);
      assertEquals(Cuda.CUDA_ERROR_INVALID_IMAGE(), code);
    }
  }

  @Test
  void whatIsNotEmulatedSaysSo() {
    try (var e = Emulator.open()) {
      int code = Cuda.cuCtxResetPersistingL2Cache();
      assertEquals(Cuda.CUDA_ERROR_NOT_SUPPORTED(), code);
      assertEquals("cuCtxResetPersistingL2Cache is not emulated", e.message(code));
    }
  }

  @Test
  void versionsAreKnown() {
    try (var e = Emulator.open()) {
      var major = e.arena.allocate(JAVA_INT);
      var minor = e.arena.allocate(JAVA_INT);
      assertEquals(0, Nvrtc.nvrtcVersion(major, minor));
      assertEquals(13, major.get(JAVA_INT, 0));
      assertEquals(
          "NVRTC_ERROR_COMPILATION",
          Nvrtc.nvrtcGetErrorString(Nvrtc.NVRTC_ERROR_COMPILATION()).reinterpret(64).getString(0));
    }
  }
}
