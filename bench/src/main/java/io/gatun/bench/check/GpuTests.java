package io.gatun.bench.check;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.xml.sax.SAXException;

/**
 * The tests of the kernels and of the models, which run on the GPU where there is one. They are a
 * folder of the kit: jars, and the files that the tests read.
 *
 * @param folder of the tests
 * @param results where logs and reports go
 */
record GpuTests(Path folder, Path results) {
  private static final Duration LIMIT = Duration.ofMinutes(15);
  private static final String CONSOLE = "org.junit.platform.console.ConsoleLauncher";

  /** Compiles all kernels for all architectures, which takes minutes and asks nothing of a GPU. */
  private static final String COMPILE_GATE = ".*CudaKernelTest";

  /** The tests of one module. */
  Figure run(String module, String what, String... packages) {
    var reports = results.resolve(module + "-tests");
    var words = new ArrayList<>(List.of(CONSOLE, "execute", "--disable-banner"));
    words.addAll(List.of("--disable-ansi-colors", "--details", "tree"));
    words.addAll(List.of("--reports-dir", reports.toString()));
    words.addAll(List.of("--exclude-classname", COMPILE_GATE));
    for (var name : packages) {
      words.addAll(List.of("--select-package", name));
    }
    var settings =
        List.of(
            "-Dgatun.root=" + folder,
            "-Dgatun.golden=",
            "-Dgatun.models=",
            "-Dgatun.house=warn",
            "-Dgatun.tests.gpu=only");
    var log = results.resolve(module + "-tests.log");
    var failure = new Child(log).run(settings, folder + "/*:", LIMIT, words);
    var report = reports.resolve("TEST-junit-jupiter.xml");
    if (!Files.isRegularFile(report)) {
      return Figure.missing(0, what, failure.orElse("no report (" + log + ")"));
    }
    return figure(what, report, log);
  }

  /** What a report comes to. */
  static Figure figure(String what, Path report, Path log) {
    Element suite;
    try {
      var documents = DocumentBuilderFactory.newDefaultInstance();
      suite = documents.newDocumentBuilder().parse(report.toFile()).getDocumentElement();
    } catch (IOException | SAXException | ParserConfigurationException e) {
      return Figure.missing(0, what, "%s cannot be read: %s".formatted(report, e.getMessage()));
    }
    int all = count(suite, "tests");
    if (all == 0) {
      return Figure.missing(0, what, "no test was found (%s)".formatted(log));
    }
    int failed = count(suite, "failures") + count(suite, "errors");
    int skipped = count(suite, "skipped");
    return Figure.of(
        0,
        what,
        "%d passed, %d failed, %d skipped".formatted(all - failed - skipped, failed, skipped),
        failed,
        Bar.atMost(0),
        skipped == 0 ? log.toString() : "skipped: " + String.join("; ", reasons(suite)));
  }

  private static int count(Element suite, String attribute) {
    return Integer.parseInt(suite.getAttribute(attribute));
  }

  /** Why tests were skipped, and how many for each reason, the most frequent first. */
  private static List<String> reasons(Element suite) {
    var counts = new TreeMap<String, Integer>();
    var skipped = suite.getElementsByTagName("skipped");
    for (int i = 0; i < skipped.getLength(); i++) {
      var first = skipped.item(i).getTextContent().strip().lines().findFirst().orElse("no reason");
      counts.merge(first.replaceFirst("^.*Assumption failed: ", ""), 1, Integer::sum);
    }
    return counts.entrySet().stream()
        .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
        .map(e -> e.getValue() + " because " + e.getKey())
        .toList();
  }
}
