package io.gatun.bench.check;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the reports of tests come to. */
class GpuTestsTest {
  private static final String REPORT =
      """
      <?xml version="1.0" encoding="UTF-8"?>
      <testsuite name="JUnit Jupiter" tests="7" skipped="3" failures="%d" errors="0" time="1.5">
      <testcase name="a"/><testcase name="b"/><testcase name="c"/><testcase name="d"/>
      <testcase name="e"><skipped><![CDATA[org.opentest4j.TestAbortedException: Assumption failed: no GPU
      	at somewhere]]></skipped></testcase>
      <testcase name="f"><skipped><![CDATA[org.opentest4j.TestAbortedException: Assumption failed: no AVX
      	at somewhere]]></skipped></testcase>
      <testcase name="g"><skipped><![CDATA[org.opentest4j.TestAbortedException: Assumption failed: no GPU
      	at somewhere]]></skipped></testcase>
      </testsuite>
      """;

  @TempDir private Path folder;

  private Figure figure(int failures) throws IOException {
    var report = Files.writeString(folder.resolve("report.xml"), REPORT.formatted(failures));
    return GpuTests.figure("tests", report, Path.of("a.log"));
  }

  @Test
  void skippedTestsAreCountedByReason() throws IOException {
    var figure = figure(0);
    assertEquals("4 passed, 0 failed, 3 skipped", figure.measured());
    assertEquals("met", figure.verdict());
    assertEquals("skipped: 2 because no GPU; 1 because no AVX", figure.note());
  }

  @Test
  void oneFailureIsTooMany() throws IOException {
    var figure = figure(1);
    assertEquals("3 passed, 1 failed, 3 skipped", figure.measured());
    assertEquals(Optional.of(1.0), figure.value());
    assertEquals("short", figure.verdict());
  }

  @Test
  void testsThatAreNotThereAreSaid() {
    var figure = new GpuTests(folder, folder).run("none", "tests", "io.gatun.none");
    assertEquals("not run", figure.verdict());
  }
}
