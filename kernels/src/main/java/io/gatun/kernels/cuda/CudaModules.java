package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.DeviceException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;

/** The kernels that were launched so far, compiled and loaded at their first launch. */
final class CudaModules {
  /** Where the build packs native/cuda. */
  private static final String FOLDER = "/META-INF/cuda/";

  private static final Pattern AFTER = Pattern.compile("// After ([\\w.]+(?:, [\\w.]+)*\\.cuh)\\.");
  private static final Pattern NUMBERS = Pattern.compile("(?m)^#include \"(\\w+\\.inc)\"$");
  private static final int FREE_SHARED_BYTES = 48 << 10;

  /**
   * A kernel on the device.
   *
   * @param function the driver's handle
   * @param signature what its source says
   */
  record Loaded(MemorySegment function, CudaSignature signature) {}

  private record Module(MemorySegment handle, String source) {}

  private final CudaContext context;
  private final CudaCompiler compiler;
  private final Map<String, Module> modules = new HashMap<>();
  private final Map<CudaKernel, Loaded> kernels = new EnumMap<>(CudaKernel.class);

  CudaModules(CudaContext context, CudaCompiler compiler) {
    this.context = context;
    this.compiler = compiler;
  }

  Loaded get(CudaKernel kernel) {
    var loaded = kernels.get(kernel);
    if (loaded == null) {
      loaded = find(kernel);
      kernels.put(kernel, loaded);
    }
    return loaded;
  }

  private Loaded find(CudaKernel kernel) {
    var module = modules.computeIfAbsent(kernel.stem(), this::load);
    var signature = CudaSignature.read(module.source(), kernel.function());
    try (Arena arena = Arena.ofConfined()) {
      var out = arena.allocate(ADDRESS);
      var name = arena.allocateFrom(kernel.function());
      context.check(Cuda.cuModuleGetFunction(out, module.handle(), name), kernel.function());
      return new Loaded(out.get(ADDRESS, 0), signature);
    }
  }

  private Module load(String stem) {
    String source = text(stem + ".cu");
    byte[] cubin = compiler.compile(stem, program(stem, source));
    try (Arena arena = Arena.ofConfined()) {
      var out = arena.allocate(ADDRESS);
      var image = arena.allocate(cubin.length, 64).copyFrom(MemorySegment.ofArray(cubin));
      var none = MemorySegment.NULL;
      context.check(Cuda.cuModuleLoadDataEx(out, image, 0, none, none), stem);
      return new Module(out.get(ADDRESS, 0), source);
    }
  }

  /**
   * Enqueues a launch; more shared memory than every kernel may use has to be asked for.
   *
   * @param kernel which
   * @param blocks how many
   * @param shared bytes of dynamic shared memory of a block
   * @param extra its arguments
   * @return the driver's status
   */
  int enqueue(Loaded kernel, int blocks, int shared, MemorySegment extra) {
    if (shared > FREE_SHARED_BYTES) {
      int attribute = Cuda.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES();
      int code = Cuda.cuFuncSetAttribute(kernel.function(), attribute, shared);
      if (code != 0) {
        return code;
      }
    }
    int threads = kernel.signature().threads();
    var none = MemorySegment.NULL;
    return Cuda.cuLaunchKernel(
        kernel.function(), blocks, 1, 1, threads, 1, 1, shared, context.current(), none, extra);
  }

  /**
   * What is compiled for a file: the prelude, the files of functions that its first line names
   * ({@code // After attention.cuh.}), and its text, each with its own line numbers. NVRTC is given
   * one text, so tables of numbers that are shared with the CPU's kernels are put where they are
   * included.
   */
  static String program(String stem, String source) {
    var program = new StringBuilder();
    append(program, "prelude.cuh", text("prelude.cuh"));
    var first = AFTER.matcher(source);
    if (first.lookingAt()) {
      for (String file : first.group(1).split(", ")) {
        append(program, file, text(file));
      }
    }
    append(program, stem + ".cu", source);
    return program.toString();
  }

  private static void append(StringBuilder program, String file, String text) {
    String whole = NUMBERS.matcher(text).replaceAll(m -> text(m.group(1)).strip());
    program.append("#line 1 \"").append(file).append("\"\n").append(whole).append('\n');
  }

  static String text(String file) {
    try (var in = CudaModules.class.getResourceAsStream(FOLDER + file)) {
      if (in == null) {
        throw new DeviceException(
            "no %s%s among the jar's resources; this build is broken".formatted(FOLDER, file));
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void close() {
    modules.values().forEach(m -> Cuda.cuModuleUnload(m.handle()));
  }
}
