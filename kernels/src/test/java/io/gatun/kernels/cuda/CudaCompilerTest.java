package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DeviceException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CudaCompilerTest {
  private static final String SOURCE =
      "extern \"C\" __global__ void __launch_bounds__(32) one(float* x) { *x = 1; }";
  private static final FileTime LONG_AGO = FileTime.fromMillis(0);

  @TempDir Path folder;
  private CudaCompiler compiler;

  @BeforeEach
  void open() {
    CudaTests.require();
    compiler = new CudaCompiler("sm_80", folder);
  }

  private List<Path> files() throws IOException {
    try (var files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  @Test
  void aSecondTimeTheFileIsRead() throws IOException {
    byte[] made = compiler.compile("one", SOURCE);
    Path file = files().getFirst();
    Files.setLastModifiedTime(file, LONG_AGO);
    assertArrayEquals(made, new CudaCompiler("sm_80", folder).compile("one", SOURCE));
    assertEquals(LONG_AGO, Files.getLastModifiedTime(file), "the file was not written again");
    assertEquals(1, files().size());
  }

  @Test
  void sourceAndArchitectureMakeAnotherFile() throws IOException {
    compiler.compile("one", SOURCE);
    compiler.compile("one", SOURCE + "\n");
    new CudaCompiler("sm_86", folder).compile("one", SOURCE);
    assertEquals(3, files().size());
  }

  @Test
  void aBrokenFileIsMadeAnew() throws IOException {
    byte[] made = compiler.compile("one", SOURCE);
    Path file = files().getFirst();
    byte[] whole = Files.readAllBytes(file);
    byte[] flipped = whole.clone();
    flipped[whole.length / 2] ^= 1;
    var broken =
        List.of(
            new byte[0], Arrays.copyOf(whole, 10), Arrays.copyOf(whole, whole.length - 1), flipped);
    for (byte[] content : broken) {
      Files.write(file, content);
      assertEquals(made.length, compiler.compile("one", SOURCE).length);
      assertEquals(whole.length, Files.size(file), "whole again");
      byte[] again = Files.readAllBytes(file);
      assertArrayEquals(
          Arrays.copyOfRange(again, 32, again.length), compiler.compile("one", SOURCE));
    }
  }

  /** Killed while it wrote: half of a file under a name of its own. */
  @Test
  void whatAKilledWriterLeftIsNoResult() throws IOException {
    compiler.compile("one", SOURCE);
    Path file = files().getFirst();
    byte[] whole = Files.readAllBytes(file);
    Files.delete(file);
    Files.write(folder.resolve("part123.tmp"), Arrays.copyOf(whole, whole.length / 2));
    byte[] made = compiler.compile("one", SOURCE);
    assertEquals(whole.length, Files.size(file));
    assertArrayEquals(made, new CudaCompiler("sm_80", folder).compile("one", SOURCE));
  }

  @Test
  void aProcessKilledInTheMiddleOfACompilationLeavesNothing(@TempDir Path work) throws Exception {
    CudaTests.requireEmulator(); // whose compiler is a process of its own, with files in TMPDIR
    var builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-Dgatun.cuda.path=" + System.getProperty("gatun.cuda.path"),
            "-cp",
            System.getProperty("java.class.path"),
            Compilation.class.getName(),
            folder.toString());
    builder.environment().put("TMPDIR", work.toString());
    var process = builder.inheritIO().start();
    var compilers = process.children().toList();
    while (compilers.isEmpty()) {
      assertTrue(process.isAlive(), "it ended by itself");
      compilers = process.children().toList();
    }
    process.destroyForcibly();
    assertEquals(137, process.waitFor(), "killed by SIGKILL");
    for (var left : compilers) {
      left.onExit().join(); // they write into the folder of this test
    }
    assertEquals(List.of(), files());
    compiler.compile("one", SOURCE);
    assertEquals(1, files().size());
  }

  /** A process that compiles the same program. */
  static final class Compilation {
    public static void main(String[] folder) {
      new CudaCompiler("sm_80", Path.of(folder[0])).compile("one", SOURCE);
    }
  }

  @Test
  void aProgramThatDoesNotCompileSaysWhereAndLeavesNothing() throws IOException {
    var e =
        assertThrows(
            DeviceException.class, () -> compiler.compile("one", SOURCE.replace("1;", "y;")));
    assertTrue(
        e.getMessage().startsWith("one.cu does not compile with [--gpu-architecture=sm_80, "),
        e.getMessage());
    assertTrue(
        e.getMessage().contains("one.cu:1:") || e.getMessage().contains("one.cu(1)"),
        e.getMessage());
    assertEquals(List.of(), files());
  }
}
