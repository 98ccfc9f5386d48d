package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.kernels.cache.Cache;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The list of kernels against their sources, and the sources against NVIDIA's own compiler. */
class CudaKernelTest {
  private static final List<String> ARCHITECTURES =
      List.of("sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120");
  private static final Pattern KERNEL =
      Pattern.compile("__global__\\s+void[^(]*\\(\\d+\\)\\s+(\\w+)\\(");

  private static final Pattern ENTRY =
      Pattern.compile("entry function '(\\w+)' for '(\\w+)'(?s:.*?)Used (\\d+) registers");

  @TempDir Path folder;

  static Set<String> stems() {
    return Arrays.stream(CudaKernel.values())
        .map(CudaKernel::stem)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void everySourceIsListedAndEveryKernelHasOne() throws IOException {
    Path sources = Path.of(System.getProperty("gatun.root"), "native/cuda");
    try (Stream<Path> files = Files.list(sources)) {
      var found =
          files
              .map(f -> f.getFileName().toString())
              .filter(f -> f.endsWith(".cu"))
              .map(f -> f.replace(".cu", ""))
              .collect(Collectors.toCollection(TreeSet::new));
      assertEquals(found, stems());
    }
    for (String stem : stems()) {
      var declared =
          KERNEL
              .matcher(CudaModules.text(stem + ".cu"))
              .results()
              .map(m -> m.group(1))
              .sorted()
              .toList();
      var listed =
          Arrays.stream(CudaKernel.values())
              .filter(k -> k.stem().equals(stem))
              .map(CudaKernel::function)
              .sorted()
              .toList();
      assertEquals(declared, listed, stem);
      listed.forEach(k -> CudaSignature.read(CudaModules.text(stem + ".cu"), k));
    }
  }

  /** Assembly and includes are the prelude's business; atomics on floats have no order. */
  @Test
  void kernelsKeepTheRulesThatTheEmulatorNeeds() {
    for (String stem : stems()) {
      String text = CudaModules.text(stem + ".cu");
      for (String word : List.of("asm", "#include", "__threadfence", "extern __shared__")) {
        assertFalse(text.contains(word), stem + " has " + word);
      }
    }
  }

  /**
   * Every kernel, for every architecture that has one of its own: it assembles, and spills nothing.
   */
  @ParameterizedTest
  @MethodSource("stems")
  void nvidiasCompilerTakesIt(String stem) throws IOException, InterruptedException {
    assumeTrue(hasNvcc(), "no nvcc here: kernels are not compiled for " + ARCHITECTURES);
    Files.writeString(folder.resolve("k.cu"), CudaModules.program(stem));
    String log = assemble();
    for (String architecture : ARCHITECTURES) {
      assertTrue(log.contains("for '" + architecture + "'"), log);
    }
    registers(stem, log).forEach(System.out::println);
    assertTrue(log.contains("0 bytes spill stores, 0 bytes spill loads"), log);
    assertFalse(Pattern.compile("[1-9]\\d* bytes spill").matcher(log).find(), log);
  }

  /** A line for each kernel: what a thread of it holds on each architecture. */
  private static List<String> registers(String stem, String log) {
    var byKernel = new TreeMap<String, Map<String, String>>();
    for (var entry : ENTRY.matcher(log).results().toList()) {
      byKernel
          .computeIfAbsent(entry.group(1), _ -> new TreeMap<>())
          .put(entry.group(2), entry.group(3));
    }
    assertFalse(byKernel.isEmpty(), log);
    return byKernel.entrySet().stream()
        .map(e -> "%s, registers of %s: %s".formatted(stem, e.getKey(), e.getValue()))
        .toList();
  }

  /** What the assembler says; kept in the build folder, as it says the same of the same text. */
  private String assemble() throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("nvcc", "-fatbin", "--threads", "0", "-std=c++17"));
    for (String architecture : ARCHITECTURES) {
      String number = architecture.substring("sm_".length());
      command.add("-gencode=arch=compute_%s,code=%s".formatted(number, architecture));
    }
    command.addAll(List.of("-fmad=false", "-Xptxas", "-v", "k.cu", "-o", "k.fatbin"));
    String all =
        run("nvcc", "--version") + command + "\n" + Files.readString(folder.resolve("k.cu"));
    Path kept =
        Path.of(System.getProperty("gatun.root"), "kernels/target/nvcc")
            .resolve(Cache.name(all.getBytes(StandardCharsets.UTF_8)) + ".log");
    if (!Files.exists(kept)) {
      String log = run(command.toArray(String[]::new));
      Files.createDirectories(kept.getParent());
      Files.writeString(kept, log);
    }
    return Files.readString(kept);
  }

  /** The compiler that users have, with the options that they get, for every architecture. */
  @ParameterizedTest
  @MethodSource("stems")
  void nvidiasRunTimeCompilerTakesIt(String stem) {
    assumeTrue(
        CudaTests.hasNvrtc(),
        "no NVRTC of NVIDIA's here; with one, give its folder by -Dgatun.cuda.path");
    String program = CudaModules.program(stem);
    for (String architecture : ARCHITECTURES) {
      assertTrue(new CudaCompiler(architecture, folder).compile(stem, program).length > 0);
    }
  }

  private static boolean hasNvcc() {
    return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":"))
        .anyMatch(f -> Files.isExecutable(Path.of(f, "nvcc")));
  }

  private String run(String... command) throws IOException, InterruptedException {
    var process =
        new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    return output;
  }
}
