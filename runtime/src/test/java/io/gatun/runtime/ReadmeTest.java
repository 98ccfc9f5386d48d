package io.gatun.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.runtime.cli.TinyModel;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's example is a program: it is taken from there and run on the module path. */
class ReadmeTest {
  private static final List<String> TEST_ONLY =
      List.of("test-classes", "-tests.jar", "junit", "opentest4j", "apiguardian", "surefire");

  @Test
  void exampleTrainsAndAnswers(@TempDir Path folder) throws Exception {
    String readme = Files.readString(Path.of(System.getProperty("gatun.root"), "README.md"));
    int begin = readme.indexOf("```java\n") + "```java\n".length();
    Path source = folder.resolve("Example.java");
    Files.writeString(source, readme.substring(begin, readme.indexOf("```", begin)));
    Path model = TinyModel.write(folder.resolve("model"));
    Path rows = folder.resolve("rows.jsonl");
    Files.writeString(
        rows, "{\"prompt\": \"one plus one is\", \"completion\": \" two\"}\n".repeat(8));
    Path adapter = folder.resolve("adapter");
    var process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--module-path",
                modulePath(),
                "--add-modules",
                "io.gatun.runtime",
                "--enable-native-access=io.gatun.kernels,ai.djl.tokenizers,ALL-UNNAMED",
                source.toString(),
                model.toString(),
                rows.toString(),
                adapter.toString(),
                "one plus one is")
            .redirectErrorStream(true)
            .start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    assertTrue(output.contains("loss "), output);
    assertTrue(Files.exists(adapter.resolve("adapter_model.safetensors")), output);
  }

  private static String modulePath() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
        .filter(entry -> TEST_ONLY.stream().noneMatch(entry::contains))
        .collect(Collectors.joining(File.pathSeparator));
  }
}
