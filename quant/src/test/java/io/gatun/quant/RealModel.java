package io.gatun.quant;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/**
 * The real model that some golden numbers are about. It is not in the repository: {@code
 * -Dgatun.models} names its folder. Without it a test is skipped with a line that says so; on a
 * machine that builds releases ({@code CI=true}) it fails.
 */
public final class RealModel {
  private static final String NAME = "smollm2-135m-instruct-q4_1.gguf";

  private RealModel() {}

  /** The file; skips or fails the calling test where it is absent. */
  public static Path file() {
    var folder = System.getProperty("gatun.models", "");
    var root = Path.of(System.getProperty("gatun.root", "")).toAbsolutePath();
    var file = root.resolve(folder).resolve(NAME);
    if (!folder.isEmpty() && Files.isRegularFile(file)) {
      return file;
    }
    var reason = NAME + " is not there: give its folder with -Dgatun.models=DIR";
    if ("true".equals(System.getenv("CI"))) {
      return Assertions.fail(reason);
    }
    System.out.println("SKIPPED: " + reason);
    return Assumptions.abort(reason);
  }
}
