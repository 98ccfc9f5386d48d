package io.gatun.bindings.emulator;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.bindings.NativeLibrary;
import io.gatun.bindings.cuda.Cuda;
import io.gatun.bindings.nvrtc.Nvrtc;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A context on the emulator with one stream, driven through the generated bindings alone. Closing
 * it destroys the context, which must hold nothing any more.
 */
final class Emulator implements AutoCloseable {
  private static final Path ROOT = Path.of(System.getProperty("gatun.root"));
  private static final Map<String, byte[]> COMPILED = new ConcurrentHashMap<>();

  final Arena arena = Arena.ofConfined();
  private final List<MemorySegment> modules = new ArrayList<>();
  private final List<Long> memory = new ArrayList<>();
  final MemorySegment stream;
  private boolean broken;
  String architecture = "sm_80";

  private Emulator() {
    check(Cuda.cuInit(0));
    var out = arena.allocate(ADDRESS);
    check(Cuda.cuDevicePrimaryCtxRetain(out, 0));
    check(Cuda.cuCtxSetCurrent(out.get(ADDRESS, 0)));
    stream = newStream();
    call("emu_order", 0, 0L);
  }

  static Emulator open() {
    requirePresent();
    return new Emulator();
  }

  /** Skips the test where the emulator is not built: off Linux on x86-64, or without g++. */
  static void requirePresent() {
    assumeTrue(
        NativeLibrary.CUDA.lookup().find("emu_order").isPresent(),
        "no emulator here: it needs Linux on x86-64 and g++ ("
            + NativeLibrary.CUDA.describe()
            + ")");
  }

  MemorySegment newStream() {
    var out = arena.allocate(ADDRESS);
    check(Cuda.cuStreamCreate(out, Cuda.CU_STREAM_NON_BLOCKING()));
    return out.get(ADDRESS, 0);
  }

  MemorySegment newEvent() {
    var out = arena.allocate(ADDRESS);
    check(Cuda.cuEventCreate(out, Cuda.CU_EVENT_DISABLE_TIMING()));
    return out.get(ADDRESS, 0);
  }

  /** Device memory, freed at the end. */
  long memory(String name, long bytes) {
    var out = arena.allocate(JAVA_LONG);
    check(Cuda.cuMemAlloc_v2(out, bytes));
    long address = out.get(JAVA_LONG, 0);
    call("emu_name", address, arena.allocateFrom(name));
    memory.add(address);
    return address;
  }

  long memory(String name, MemorySegment values) {
    long address = memory(name, values.byteSize());
    check(Cuda.cuMemcpyHtoD_v2(address, host(values), values.byteSize()));
    return address;
  }

  long floats(String name, float... values) {
    return memory(name, MemorySegment.ofArray(values));
  }

  /** No longer freed at the end. */
  void forget(long address) {
    memory.remove(address);
  }

  MemorySegment host(MemorySegment values) {
    return arena.allocate(values.byteSize(), 16).copyFrom(values);
  }

  float[] read(long address, int count) {
    var values = arena.allocate(JAVA_INT, count);
    check(Cuda.cuMemcpyDtoH_v2(values, address, values.byteSize()));
    return values.toArray(java.lang.foreign.ValueLayout.JAVA_FLOAT);
  }

  /** Compiles a kernel of the test resources, or a mutant of it. */
  MemorySegment kernel(String file, String name, String from, String to) {
    String text = resource(file);
    if (!text.contains(from)) {
      throw new AssertionError(file + " has no " + from);
    }
    return kernel(file, name, text.replace(from, to));
  }

  /** The same for a Hopper GPU. */
  MemorySegment hopperKernel(String file, String name, String from, String to) {
    architecture = architecture.equals("sm_80") ? "sm_90a" : architecture;
    String text = resource(file);
    if (!text.contains(from)) {
      throw new AssertionError(file + " has no " + from);
    }
    String wgmma = "#line 1 \"wgmma.cuh\"\n%s\n".formatted(source("wgmma.cuh"));
    return kernel(file, name, wgmma + "#line 1 \"hopper.cu\"\n" + text.replace(from, to));
  }

  MemorySegment kernel(String file, String name, String text) {
    var out = arena.allocate(ADDRESS);
    check(
        Cuda.cuModuleLoadDataEx(
            out, compile(file, text), 0, MemorySegment.NULL, MemorySegment.NULL));
    var module = out.get(ADDRESS, 0);
    modules.add(module);
    check(Cuda.cuModuleGetFunction(out, module, arena.allocateFrom(name)));
    return out.get(ADDRESS, 0);
  }

  /** Compiled once a text. */
  MemorySegment compile(String file, String text) {
    String source =
        "#line 1 \"prelude.cuh\"\n%s\n#line 1 \"%s\"\n%s".formatted(prelude(), file, text);
    var image = COMPILED.computeIfAbsent(architecture + source, _ -> compile(source));
    return arena.allocate(image.length, 16).copyFrom(MemorySegment.ofArray(image));
  }

  private byte[] compile(String source) {
    var program = program(source, "kernel");
    int rc = compile(program, "--gpu-architecture=" + architecture, "--fmad=false");
    assertEquals(0, rc, () -> log(program));
    var size = arena.allocate(JAVA_LONG);
    assertEquals(0, Nvrtc.nvrtcGetCUBINSize(program, size));
    var image = arena.allocate(size.get(JAVA_LONG, 0), 16);
    assertEquals(0, Nvrtc.nvrtcGetCUBIN(program, image));
    assertEquals(0, Nvrtc.nvrtcDestroyProgram(arena.allocateFrom(ADDRESS, program)));
    return image.toArray(JAVA_BYTE);
  }

  MemorySegment program(String source, String name) {
    var out = arena.allocate(ADDRESS);
    var none = MemorySegment.NULL;
    assertEquals(
        0,
        Nvrtc.nvrtcCreateProgram(
            out, arena.allocateFrom(source), arena.allocateFrom(name), 0, none, none));
    return out.get(ADDRESS, 0);
  }

  int compile(MemorySegment program, String... options) {
    var list = arena.allocate(ADDRESS, options.length);
    for (int i = 0; i < options.length; i++) {
      list.setAtIndex(ADDRESS, i, arena.allocateFrom(options[i]));
    }
    return Nvrtc.nvrtcCompileProgram(program, options.length, list);
  }

  String log(MemorySegment program) {
    var size = arena.allocate(JAVA_LONG);
    assertEquals(0, Nvrtc.nvrtcGetProgramLogSize(program, size));
    var text = arena.allocate(size.get(JAVA_LONG, 0));
    assertEquals(0, Nvrtc.nvrtcGetProgramLog(program, text));
    return text.getString(0);
  }

  /** Enqueues a launch; arguments are integers of 4 and 8 bytes. */
  int launch(MemorySegment kernel, int blocks, int threads, Object... arguments) {
    return launch(stream, kernel, blocks, 1, threads, 0, arguments);
  }

  int launch(
      MemorySegment on, MemorySegment kernel, int x, int y, int threads, int shared, Object... a) {
    var buffer = arena.allocate(8L * a.length + 8, 16);
    long at = 0;
    for (Object argument : a) {
      switch (argument) {
        case Long l -> {
          at = at + 7 & -8;
          buffer.set(JAVA_LONG, at, l);
          at += 8;
        }
        case Integer i -> {
          buffer.set(JAVA_INT, at, i);
          at += 4;
        }
        default -> throw new IllegalArgumentException(argument.toString());
      }
    }
    var extra = arena.allocate(ADDRESS, 5);
    extra.setAtIndex(ADDRESS, 0, Cuda.CU_LAUNCH_PARAM_BUFFER_POINTER());
    extra.setAtIndex(ADDRESS, 1, buffer);
    extra.setAtIndex(ADDRESS, 2, Cuda.CU_LAUNCH_PARAM_BUFFER_SIZE());
    extra.setAtIndex(ADDRESS, 3, arena.allocateFrom(JAVA_LONG, at));
    return Cuda.cuLaunchKernel(
        kernel, x, y, 1, threads, 1, 1, shared, on, MemorySegment.NULL, extra);
  }

  int synchronize() {
    return Cuda.cuCtxSynchronize();
  }

  /** A failed kernel has broken the context, which then frees nothing. */
  String message(int code) {
    broken |= code == 700 || code == 719;
    var out = arena.allocate(ADDRESS);
    assertEquals(0, Cuda.cuGetErrorString(code, out));
    return out.get(ADDRESS, 0).reinterpret(4096).getString(0);
  }

  void check(int code) {
    assertEquals(0, code, () -> message(code));
  }

  /** A function that only the emulator has; it returns nothing. */
  static void call(String name, Object... arguments) {
    var layouts = new MemoryLayout[arguments.length];
    for (int i = 0; i < arguments.length; i++) {
      layouts[i] =
          arguments[i] instanceof Integer
              ? JAVA_INT
              : arguments[i] instanceof Long ? JAVA_LONG : ADDRESS;
    }
    var symbol = NativeLibrary.CUDA.lookup().find(name).orElseThrow();
    MethodHandle handle =
        Linker.nativeLinker().downcallHandle(symbol, FunctionDescriptor.ofVoid(layouts));
    try {
      handle.invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new AssertionError(name, e);
    }
  }

  static String prelude() {
    return source("prelude.cuh");
  }

  private static String source(String file) {
    try {
      return Files.readString(ROOT.resolve("native/cuda").resolve(file));
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static String resource(String file) {
    try (var in = Emulator.class.getResourceAsStream("/emulator/" + file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    try {
      if (!broken) {
        memory.forEach(m -> check(Cuda.cuMemFree_v2(m)));
        modules.forEach(m -> check(Cuda.cuModuleUnload(m)));
        check(Cuda.cuStreamDestroy_v2(stream));
      }
    } finally {
      int code = Cuda.cuDevicePrimaryCtxRelease_v2(0);
      check(code);
      arena.close();
    }
  }
}
