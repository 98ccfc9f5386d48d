package io.gatun.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files that may not be read, folders that may not be written. The superuser may everything, so
 * under it the commands run without that privilege.
 */
class NoPermissionTest {
  private static final List<String> WITHOUT_PRIVILEGE =
      List.of("setpriv", "--bounding-set=-dac_override,-dac_read_search");

  @TempDir static Path temp;

  private static Path model;
  private static Path rows;
  private static List<String> before;

  @BeforeAll
  static void prepare() throws IOException, InterruptedException {
    assumeTrue(
        Files.getFileStore(temp).supportsFileAttributeView("posix"), "files have no permissions");
    model = TinyModel.write(temp.resolve("model"));
    rows =
        Files.writeString(
            temp.resolve("rows.jsonl"), "{\"prompt\": \"a\", \"completion\": \" b\"}\n");
    Path locked = deny(Files.writeString(temp.resolve("locked"), ""));
    before = Files.isReadable(locked) ? WITHOUT_PRIVILEGE : List.of();
    assumeTrue(
        before.isEmpty() || canRun(before), "running as root, and setpriv cannot take that away");
  }

  private static boolean canRun(List<String> prefix) throws InterruptedException {
    try {
      var command = new ArrayList<>(prefix);
      command.add("true");
      return new ProcessBuilder(command).start().waitFor() == 0;
    } catch (IOException _) {
      return false;
    }
  }

  private static Path deny(Path file) throws IOException {
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("---------"));
  }

  private static Path readOnly(Path folder) throws IOException {
    return Files.setPosixFilePermissions(
        Files.createDirectory(folder), PosixFilePermissions.fromString("r-xr-xr-x"));
  }

  private static Invocation run(Object... args) throws IOException, InterruptedException {
    return Invocation.outside(before, args);
  }

  @Test
  void model() throws IOException, InterruptedException {
    Path secret = TinyModel.write(temp.resolve("secret"));
    Path weights = deny(secret.resolve("model.safetensors"));
    run("generate", "--model", secret, "-p", "x")
        .fails(1, weights + ": cannot be read: permission denied");
  }

  @Test
  void rows() throws IOException, InterruptedException {
    Path secret = deny(Files.writeString(temp.resolve("secret.jsonl"), "{}"));
    run("train", "--model", model, "--data", secret, "-o", temp.resolve("a"))
        .fails(1, secret + " cannot be read: permission denied.");
  }

  @Test
  void configuration() throws IOException, InterruptedException {
    Path secret = deny(Files.writeString(temp.resolve("secret.yaml"), "iters: 1"));
    run("train", "--config", secret)
        .fails(2, "no permission to read " + secret + "; check its owner and mode");
  }

  @Test
  void output() throws IOException, InterruptedException {
    Path fixed = readOnly(temp.resolve("fixed"));
    Path inside = fixed.resolve("out");
    run("train", "--model", model, "--data", rows, "-o", inside)
        .fails(1, inside + " cannot be written: permission denied.");
    run("train", "--model", model, "--data", rows, "-o", fixed)
        .fails(1, fixed + " cannot be written: permission denied.");
    run("quantize", "--model", model, "--save-path", inside).fails(1, "no permission to use ");
    assertFalse(Files.exists(inside));
  }
}
