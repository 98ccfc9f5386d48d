package io.gatun.bench.house;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The scanners see what they are there to see: a small class that breaks every rule. */
class ScannerTest {
  private static final String SAMPLE =
      """
      package sample;

      import java.lang.foreign.Arena;
      import java.lang.foreign.MemorySegment;

      public class ThingFactory {
        static int counter;
        static final java.util.concurrent.atomic.AtomicInteger CALLS =
            new java.util.concurrent.atomic.AtomicInteger();
        static final java.util.List<String> NAMES = java.util.List.of("a");

        /** Commented. */
        public static Object look() throws Exception {
          return java.util.ServiceLoader.load(Runnable.class);
        }

        public static long size(Arena arena) {
          MemorySegment segment = arena.allocate(8);
          return segment.byteSize();
        }

        private static void assertEquals(double a, double b, double tolerance) {
          if (Math.abs(a - b) > 1e-4 * Math.abs(a)) {
            assertEquals(a, b, 1e-3);
            assertEquals(a, b, 0.0);
            assertEquals(a, b, tolerance);
          }
        }

        record Inner(int x) {}
      }
      """;

  @TempDir Path folder;

  @Test
  void readsSources() throws IOException {
    var file = Files.writeString(folder.resolve("ThingFactory.java"), SAMPLE);
    var facts = SourceFacts.of(List.of(file)).getFirst();
    assertEquals("sample", facts.packageName());
    assertEquals(31, facts.lines());
    assertEquals(7, facts.longestMethod());
    assertEquals("assertEquals", facts.longestMethodName());
    assertEquals(List.of("ThingFactory"), facts.publicTypes());
    assertEquals(List.of("ThingFactory (line 6)", "size (line 17)"), facts.uncommented());
    assertEquals(List.of(23, 24), facts.toleranceLiterals());
  }

  @Test
  void readsClasses() throws IOException {
    var file = Files.writeString(folder.resolve("ThingFactory.java"), SAMPLE);
    var javac = ToolProvider.getSystemJavaCompiler();
    assertEquals(0, javac.run(null, null, null, "-d", folder.toString(), file.toString()));
    var facts = ClassFacts.of(folder.resolve("sample/ThingFactory.class"));
    assertEquals("sample.ThingFactory", facts.name());
    assertEquals(List.of("counter", "CALLS"), facts.mutableStatics());
    assertTrue(facts.uses().contains("java.lang.foreign.MemorySegment"));
    assertTrue(facts.uses().contains("java.util.ServiceLoader"));
    assertFalse(facts.uses().contains("java.lang.foreign.Linker"));
  }

  @Test
  void comparesTheListsOfKernelParts() {
    var parts =
        new KernelParts(
            List.of("rms_norm", "rms_norm_backward", "stray"),
            List.of("rms_norm_forward", "rms_norm_backward", "orphan"),
            List.of("RmsNorm", "AdamW"),
            List.of("RmsNormTest", "RmsNormReference"),
            List.of("RmsNormBenchmark"));
    assertEquals(
        List.of(
            "AdamW: benchmark",
            "AdamW: reference",
            "AdamW: source",
            "AdamW: test",
            "orphan: source",
            "stray: header",
            "stray: op"),
        List.copyOf(parts.missing().keySet()));
  }

  @Test
  void anExceptionThatCoversNothingIsAViolation() {
    var violations = new TreeMap<>(Map.of("a", "too long"));
    House.check("rule", violations, Map.of("a", "because"));
    assertThrows(AssertionError.class, () -> House.verdict("rule", violations, Map.of(), false));
    assertThrows(
        AssertionError.class,
        () -> House.verdict("rule", violations, Map.of("a", "", "b", "old"), false));
  }
}
