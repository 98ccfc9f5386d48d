package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;

import io.gatun.bindings.cuda.CUlaunchAttributeValue_union;
import io.gatun.bindings.cuda.CUlaunchAttribute_st;
import io.gatun.bindings.cuda.CUlaunchConfig_st;
import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.DeviceException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.regex.Pattern;

/** The kernels that were launched so far, compiled and loaded at their first launch. */
final class CudaModules {
  /** Where the build packs native/cuda. */
  private static final String FOLDER = "/META-INF/cuda/";

  private static final Pattern AFTER = Pattern.compile("// After ([\\w.]+(?:, [\\w.]+)*\\.cuh)\\.");
  private static final Pattern NUMBERS = Pattern.compile("(?m)^#include \"(\\w+\\.inc)\"$");
  private static final int FREE_SHARED_BYTES = 48 << 10;

  /** A kernel on the device. */
  static final class Loaded {
    /** The driver's. */
    final MemorySegment handle;

    /** What its source says. */
    final CudaSignature signature;

    /** Said when its counter of ids outside their table is not 0. */
    final String badIndex;

    private int shared = FREE_SHARED_BYTES; // that a block may have

    Loaded(MemorySegment handle, CudaSignature signature) {
      this.handle = handle;
      this.signature = signature;
      badIndex = signature.kernel() + ": an id, label or segment lies outside its table";
    }
  }

  private record Module(MemorySegment handle, String source) {}

  private final MemorySegment config = earlyLaunch();
  private final CudaContext context;
  private final CudaCompiler compiler;
  private final Map<String, Module> modules = new HashMap<>();
  private final AtomicReferenceArray<Loaded> kernels =
      new AtomicReferenceArray<>(CudaKernel.values().length);

  CudaModules(CudaContext context, CudaCompiler compiler) {
    this.context = context;
    this.compiler = compiler;
  }

  /** A launch that may begin before the one before it has ended. */
  private static MemorySegment earlyLaunch() {
    var arena = Arena.ofAuto();
    var attribute = CUlaunchAttribute_st.allocate(arena);
    CUlaunchAttribute_st.id(
        attribute, Cuda.CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION());
    CUlaunchAttributeValue_union.programmaticStreamSerializationAllowed(
        CUlaunchAttribute_st.value(attribute), 1);
    var config = CUlaunchConfig_st.allocate(arena);
    CUlaunchConfig_st.gridDimY(config, 1);
    CUlaunchConfig_st.gridDimZ(config, 1);
    CUlaunchConfig_st.blockDimY(config, 1);
    CUlaunchConfig_st.blockDimZ(config, 1);
    CUlaunchConfig_st.attrs(config, attribute);
    CUlaunchConfig_st.numAttrs(config, 1);
    return config;
  }

  /** Whether a kernel was loaded before; without the lock, as {@link #get}. */
  boolean has(CudaKernel kernel) {
    return kernels.getAcquire(kernel.ordinal()) != null;
  }

  /** A kernel that was loaded before. */
  Loaded get(CudaKernel kernel) {
    return kernels.getAcquire(kernel.ordinal());
  }

  /** Loads a kernel, and compiles it if it has to be. */
  boolean load(CudaKernel kernel) {
    return kernels.compareAndSet(kernel.ordinal(), null, find(kernel));
  }

  /**
   * Compiles all programs that were never compiled, on all processors: a first step needs most of
   * them, and one after the other they take half a minute.
   */
  void compileMissing() {
    var missing =
        Arrays.stream(CudaKernel.values())
            .map(CudaKernel::stem)
            .distinct()
            .filter(stem -> !compiler.has(program(stem)))
            .toList();
    if (missing.isEmpty()) {
      return;
    }
    System.getLogger("io.gatun.kernels")
        .log(
            Level.INFO,
            "compiling %d kernel files for %s, once".formatted(missing.size(), context.gpu()));
    try (var pool = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
      var tasks =
          missing.stream()
              .map(stem -> CompletableFuture.runAsync(() -> compile(stem), pool))
              .toArray(CompletableFuture<?>[]::new);
      CompletableFuture.allOf(tasks).join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException refused ? refused : e;
    }
  }

  private byte[] compile(String stem) {
    return compiler.compile(stem, program(stem));
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
    context.graphs().refuse("the first use of " + stem);
    byte[] cubin = compile(stem);
    try (Arena arena = Arena.ofConfined()) {
      var out = arena.allocate(ADDRESS);
      var image = arena.allocate(cubin.length, 64).copyFrom(MemorySegment.ofArray(cubin));
      var none = MemorySegment.NULL;
      context.check(Cuda.cuModuleLoadDataEx(out, image, 0, none, none), stem);
      return new Module(out.get(ADDRESS, 0), text(stem + ".cu"));
    }
  }

  /**
   * Enqueues a launch; more shared memory than every kernel may use has to be asked for.
   *
   * @param kernel which
   * @param blocks how many
   * @param shared bytes of dynamic shared memory of a block
   * @param early whether it may begin before the launch before it has ended
   * @param extra its arguments
   * @return the driver's status
   */
  int enqueue(Loaded kernel, int blocks, int shared, boolean early, MemorySegment extra) {
    if (shared > kernel.shared) {
      int attribute = Cuda.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES();
      int code = Cuda.cuFuncSetAttribute(kernel.handle, attribute, shared);
      if (code != 0) {
        return code;
      }
      kernel.shared = shared;
    }
    int threads = kernel.signature.threads();
    var none = MemorySegment.NULL;
    if (early) {
      CUlaunchConfig_st.gridDimX(config, blocks);
      CUlaunchConfig_st.blockDimX(config, threads);
      CUlaunchConfig_st.sharedMemBytes(config, shared);
      CUlaunchConfig_st.hStream(config, context.current());
      return Cuda.cuLaunchKernelEx(config, kernel.handle, none, extra);
    }
    return Cuda.cuLaunchKernel(
        kernel.handle, blocks, 1, 1, threads, 1, 1, shared, context.current(), none, extra);
  }

  /**
   * What is compiled for a file: the prelude, the files of functions that its first line names
   * ({@code // After attention.cuh.}), and its text, each with its own line numbers. NVRTC is given
   * one text, so tables of numbers that are shared with the CPU's kernels are put where they are
   * included.
   */
  static String program(String stem) {
    String source = text(stem + ".cu");
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
