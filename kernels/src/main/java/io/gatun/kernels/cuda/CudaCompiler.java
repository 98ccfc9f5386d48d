package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.bindings.nvrtc.Nvrtc;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.cache.Cache;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Source text to machine code of one architecture, kept on disk: named after everything it depends
 * on, and trusted only if its digest is right.
 */
final class CudaCompiler {
  private static final int DIGEST_BYTES = 32;

  private final String architecture;
  private final Path folder;

  CudaCompiler(String architecture, Path folder) {
    this.architecture = architecture;
    this.folder = folder;
  }

  /**
   * Machine code of a program.
   *
   * @param stem for messages
   * @param source text, without includes
   * @return a cubin
   * @throws DeviceException with the compiler's log when it refuses
   */
  byte[] compile(String stem, String source) {
    try {
      Path file = file(source);
      byte[] kept = read(file);
      if (kept.length > 0) {
        return kept;
      }
      byte[] made = run(stem, source);
      write(file, made);
      return made;
    } catch (IOException e) {
      throw new UncheckedIOException(
          "compiled kernels cannot be kept; point -Dgatun.cache at a folder that can be written",
          e);
    }
  }

  /** Whether a program was compiled before. */
  boolean has(String source) {
    return Files.exists(file(source));
  }

  private Path file(String source) {
    String all = String.join("\n", options()) + "\n" + version() + "\n" + source;
    return folder.resolve(Cache.name(all.getBytes(StandardCharsets.UTF_8)) + ".cubin");
  }

  private List<String> options() {
    return List.of(
        "--gpu-architecture=" + architecture,
        "--std=c++17",
        // A product and a sum stay apart, as in the CPU's kernels: fused ones are written.
        "--fmad=false",
        // NVRTC takes a lambda without annotation for a host function otherwise.
        "--device-as-default-execution-space");
  }

  private static String version() {
    try (Arena arena = Arena.ofConfined()) {
      var out = arena.allocate(JAVA_INT, 2);
      check(Nvrtc.nvrtcVersion(out, out.asSlice(4)), "NVRTC has no version");
      return "NVRTC %d.%d".formatted(out.get(JAVA_INT, 0), out.get(JAVA_INT, 4));
    }
  }

  /** What a file holds behind its digest, or nothing if it is absent or broken. */
  private static byte[] read(Path file) throws IOException {
    try {
      byte[] all = Files.readAllBytes(file);
      int start = Math.min(DIGEST_BYTES, all.length);
      byte[] content = Arrays.copyOfRange(all, start, all.length);
      boolean whole = Arrays.equals(Cache.digest(content), Arrays.copyOf(all, start));
      return whole ? content : new byte[0];
    } catch (NoSuchFileException absent) {
      return new byte[0];
    }
  }

  private static void write(Path file, byte[] content) throws IOException {
    byte[] all = Arrays.copyOf(Cache.digest(content), DIGEST_BYTES + content.length);
    System.arraycopy(content, 0, all, DIGEST_BYTES, content.length);
    Cache.write(file, all);
  }

  private byte[] run(String stem, String source) {
    try (Arena arena = Arena.ofConfined()) {
      var none = MemorySegment.NULL;
      var out = arena.allocate(ADDRESS);
      var text = arena.allocateFrom(source);
      var name = arena.allocateFrom(stem + ".cu");
      check(Nvrtc.nvrtcCreateProgram(out, text, name, 0, none, none), stem);
      try {
        return cubin(stem, out.get(ADDRESS, 0), arena);
      } finally {
        Nvrtc.nvrtcDestroyProgram(out);
      }
    }
  }

  private byte[] cubin(String stem, MemorySegment program, Arena arena) {
    var options = options();
    var list = arena.allocate(ADDRESS, options.size());
    for (int i = 0; i < options.size(); i++) {
      list.setAtIndex(ADDRESS, i, arena.allocateFrom(options.get(i)));
    }
    int code = Nvrtc.nvrtcCompileProgram(program, options.size(), list);
    if (code != 0) {
      throw new DeviceException(
          "%s.cu does not compile with %s: %s%n%s"
              .formatted(stem, options, reason(code), log(program, arena)));
    }
    var size = arena.allocate(JAVA_LONG);
    check(Nvrtc.nvrtcGetCUBINSize(program, size), stem);
    var cubin = arena.allocate(size.get(JAVA_LONG, 0));
    check(Nvrtc.nvrtcGetCUBIN(program, cubin), stem);
    return cubin.toArray(JAVA_BYTE);
  }

  private static String log(MemorySegment program, Arena arena) {
    var size = arena.allocate(JAVA_LONG);
    check(Nvrtc.nvrtcGetProgramLogSize(program, size), "no log");
    var log = arena.allocate(size.get(JAVA_LONG, 0));
    check(Nvrtc.nvrtcGetProgramLog(program, log), "no log");
    return log.getString(0);
  }

  private static String reason(int code) {
    return Nvrtc.nvrtcGetErrorString(code).reinterpret(256).getString(0);
  }

  private static void check(int code, String what) {
    if (code != 0) {
      throw new DeviceException(what + ": " + reason(code));
    }
  }
}
