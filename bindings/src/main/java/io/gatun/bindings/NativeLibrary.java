package io.gatun.bindings;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * NVIDIA's libraries, opened when a function of theirs is first looked up. The folders of {@code
 * -Dgatun.cuda.path} come first, then those of the environment variable {@code GATUN_CUDA_PATH},
 * then {@code CUDA_HOME} and {@code CUDA_PATH}, then the usual places, then the loader's own search
 * by name.
 */
public enum NativeLibrary {
  /** The driver API. */
  CUDA(
      "the CUDA driver",
      "Install NVIDIA's driver for the GPU of this machine",
      List.of("libcuda.so.1"),
      ""),
  /** cuBLASLt, of CUDA 13 or 12. */
  CUBLASLT(
      "cuBLASLt",
      "Install cuBLAS of the CUDA toolkit 13 or 12",
      List.of("libcublasLt.so.13", "libcublasLt.so.12"),
      ""),
  /** The run-time compiler, of CUDA 13 or 12. */
  NVRTC(
      "NVRTC",
      "Install NVRTC of the CUDA toolkit 13 or 12",
      List.of("libnvrtc.so.13", "libnvrtc.so.12"),
      "libnvrtc-builtins.so.");

  /**
   * How a search ended.
   *
   * @param symbols of the library, or none if it was not opened
   * @param from the file it was opened from, or what was tried in vain
   */
  record Opened(Optional<SymbolLookup> symbols, String from) {}

  private final String label;
  private final String remedy;
  private final List<String> sonames;
  private final String companion; // start of a file name to open first from the same folder
  private Optional<Opened> opened = Optional.empty();

  NativeLibrary(String label, String remedy, List<String> sonames, String companion) {
    this.label = label;
    this.remedy = remedy;
    this.sonames = sonames;
    this.companion = companion;
  }

  /**
   * Finds functions in this library. Getting it opens nothing.
   *
   * @return a lookup whose {@code find} throws an {@link UnsatisfiedLinkError} with {@link
   *     #describe} if the library cannot be opened
   */
  public SymbolLookup lookup() {
    return name ->
        opened().symbols().orElseThrow(() -> new UnsatisfiedLinkError(describe())).find(name);
  }

  /** Whether the library can be opened; never throws. */
  public boolean available() {
    return opened().symbols().isPresent();
  }

  /** The file that was opened, if the library can be; never throws. */
  public Optional<String> file() {
    return available() ? Optional.of(opened().from()) : Optional.empty();
  }

  /** Where the library was opened, or what was tried and what to install; never throws. */
  public String describe() {
    return describe(opened());
  }

  String describe(Opened result) {
    if (result.symbols().isPresent()) {
      return label + ": " + result.from();
    }
    return "%s was not found (%s). %s, or name its folder in -Dgatun.cuda.path or in GATUN_CUDA_PATH."
        .formatted(label, result.from(), remedy);
  }

  private synchronized Opened opened() {
    if (opened.isEmpty()) {
      opened = Optional.of(open(folders()));
    }
    return opened.get();
  }

  /** Opens this library from the first folder that has it, else by name. */
  Opened open(List<Path> folders) {
    var tried = new ArrayList<String>();
    try {
      for (var folder : folders) {
        for (var soname : sonames) {
          var file = folder.resolve(soname);
          if (Files.isRegularFile(file)) {
            openCompanions(folder);
            var symbols = tryOpen(file, tried);
            if (symbols.isPresent()) {
              return new Opened(symbols, file.toString());
            }
          }
        }
      }
      for (var soname : sonames) {
        var symbols = tryOpen(Path.of(soname), tried);
        if (symbols.isPresent()) {
          return new Opened(symbols, soname);
        }
      }
    } catch (IllegalCallerException refused) {
      return new Opened(
          Optional.empty(), "native access is denied: start java with --enable-native-access");
    }
    var places = folders.isEmpty() ? "" : ", looked in " + String.join(", ", texts(folders));
    return new Opened(Optional.empty(), "tried " + String.join(", ", tried) + places);
  }

  // The bare name goes to the loader as it is: a Path would make the caller's folder part of it.
  private static Optional<SymbolLookup> tryOpen(Path library, List<String> tried) {
    tried.add(library.toString());
    try {
      return Optional.of(
          library.isAbsolute()
              ? SymbolLookup.libraryLookup(library, Arena.global())
              : SymbolLookup.libraryLookup(library.toString(), Arena.global()));
    } catch (IllegalArgumentException absent) {
      return Optional.empty();
    }
  }

  /** NVRTC finds its built-in functions only if their library is open already. */
  private void openCompanions(Path folder) {
    if (companion.isEmpty()) {
      return;
    }
    try (Stream<Path> files = Files.list(folder)) {
      files
          .filter(f -> f.getFileName().toString().startsWith(companion))
          .sorted()
          .forEach(f -> tryOpen(f, new ArrayList<>()));
    } catch (IOException unreadable) {
      // The library itself, opened next, decides whether this folder serves.
    }
  }

  private static List<Path> folders() {
    var named = new ArrayList<String>();
    named.addAll(split(System.getProperty("gatun.cuda.path", "")));
    named.addAll(split(System.getenv().getOrDefault("GATUN_CUDA_PATH", "")));
    for (var home : List.of("CUDA_HOME", "CUDA_PATH")) {
      split(System.getenv().getOrDefault(home, "")).forEach(f -> named.add(f + "/lib64"));
    }
    named.addAll(
        List.of(
            "/usr/local/cuda/lib64",
            "/usr/local/cuda-13/lib64",
            "/usr/local/cuda-12/lib64",
            "/opt/cuda/lib64",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib/wsl/lib"));
    return named.stream()
        .map(f -> Path.of(f).toAbsolutePath())
        .filter(Files::isDirectory)
        .distinct()
        .toList();
  }

  private static List<String> split(String paths) {
    return Stream.of(paths.split(":")).filter(p -> !p.isBlank()).toList();
  }

  private static List<String> texts(List<Path> paths) {
    return paths.stream().map(Path::toString).toList();
  }
}
