package io.gatun.bench.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bench.BenchCommand;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code gatun bench check}, as typed. */
class CheckCommandTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  @TempDir private Path folder;

  private JsonNode run(String... arguments) throws IOException {
    int code = BenchCommand.run(new PrintWriter(out), new PrintWriter(err), arguments);
    assertEquals(0, code, err.toString());
    return read();
  }

  private Path file() {
    return folder.resolve("results.json");
  }

  private JsonNode read() {
    return new JsonMapper().readTree(file().toFile());
  }

  @Test
  void partsRunAsProcessesAndMakeOneTable() throws IOException {
    var results =
        run(
            "check",
            "--device",
            "cpu",
            "--scale",
            "small",
            "--parts",
            "COPY,LAUNCH",
            "--output",
            folder.toString());
    assertTrue(results.at("/machine/device").stringValue().startsWith("cpu"), results.toString());
    var figures = results.get("figures");
    assertEquals("GPU tests", figures.get(0).get("what").stringValue());
    assertEquals("not run", figures.get(0).get("verdict").stringValue());
    assertEquals(
        "ceiling: device copy, read and written", figures.get(1).get("what").stringValue());
    assertEquals(10, figures.get(2).get("target").intValue());
    assertEquals(4, figures.size());
    assertTrue(out.toString().contains("ceiling: device copy"), out.toString());
  }

  @Test
  void whatWasMeasuredIsKeptBeforeTheNextPartBegins() throws IOException {
    var kept = new ArrayList<Integer>();
    var listener =
        new PrintWriter(out) {
          @Override
          public void println(String line) {
            if (line.startsWith("Measuring: ")) {
              kept.add(Files.exists(file()) ? read().get("figures").size() : 0);
            }
            super.println(line);
          }
        };
    String[] words = {"check", "--device", "cpu", "--scale", "small", "--no-tests"};
    String[] rest = {"--parts", "COPY,LAUNCH", "--output", folder.toString()};
    BenchCommand.run(
        listener,
        new PrintWriter(err),
        Stream.of(words, rest).flatMap(Stream::of).toArray(String[]::new));
    assertEquals(List.of(0, 1), kept);
  }

  @Test
  void whatCannotRunIsNamedWithItsReason() throws IOException {
    var results = run("check", "--device", "none", "--no-tests", "--output", folder.toString());
    assertEquals(Part.values().length, results.get("figures").size());
    for (var figure : results.get("figures")) {
      assertEquals("not run", figure.get("verdict").stringValue());
    }
    assertTrue(out.toString().contains("there is no device 'none'"), out.toString());
  }
}
