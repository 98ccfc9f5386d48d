package io.gatun.bench.house;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The rules about compiled classes: fences between modules, names, and state. */
class ModuleRulesTest {
  /** The packages that users and other modules may name: nothing else is exported. */
  static final Set<String> EXPORTED =
      Set.of(
          "io.gatun.kernels",
          "io.gatun.kernels.ops",
          "io.gatun.quant",
          "io.gatun.quant.checkpoint",
          "io.gatun.runtime.model",
          "io.gatun.runtime.adapter",
          "io.gatun.runtime.plan",
          "io.gatun.runtime.train",
          "io.gatun.runtime.generate",
          "io.gatun.runtime.predict",
          "io.gatun.runtime.text",
          "io.gatun.runtime.hub");

  private static final Pattern FORBIDDEN_NAME =
      Pattern.compile(".*(Provider|Factory|Manager|Registry|Util|Utils|Helper|Impl)");
  private static final Pattern FORBIDDEN_PACKAGE =
      Pattern.compile(".*\\.(util|common|core|impl)(\\..*)?");
  private static final Pattern RAW_MEMORY =
      Pattern.compile("java\\.lang\\.foreign\\.(?!Arena$|Arena\\$).*");
  private static final Pattern REFLECTION =
      Pattern.compile("java\\.lang\\.reflect\\..*|java\\.util\\.ServiceLoader(\\$.*)?");

  private static final Map<String, List<ClassFacts>> CLASSES = new TreeMap<>();

  @BeforeAll
  static void read() {
    for (var module : House.MODULES) {
      CLASSES.put(module, ClassFacts.of(classFiles(module)));
    }
    assertFalse(CLASSES.get("kernels").isEmpty());
  }

  /** The module's own classes: neither jextract's nor JMH's. */
  private static List<Path> classFiles(String module) {
    return House.files(module + "/target/classes", ".class").stream()
        .filter(f -> !f.endsWith("module-info.class"))
        .filter(f -> !f.toString().matches(".*/(jmh_generated|bindings/(cuda|cublaslt|nvrtc))/.*"))
        .toList();
  }

  @Test
  void rawMemoryStaysBelowTheRuntime() {
    var found = new TreeMap<String, String>();
    for (var module : List.of("runtime", "bench")) {
      CLASSES.get(module).forEach(c -> note(found, c, RAW_MEMORY));
    }
    House.check("java.lang.foreign (Arena aside) in kernels and quant only", found, Map.of());
  }

  @Test
  void nothingLooksItselfUp() {
    var found = new TreeMap<String, String>();
    CLASSES.values().forEach(m -> m.forEach(c -> note(found, c, REFLECTION)));
    House.check("No reflection, no service loader", found, Map.of());
  }

  private static void note(TreeMap<String, String> found, ClassFacts facts, Pattern forbidden) {
    var uses = facts.uses().stream().filter(forbidden.asMatchPredicate()).toList();
    if (!uses.isEmpty()) {
      found.put(facts.name(), "uses " + String.join(", ", uses));
    }
  }

  @Test
  void namesSayWhatThingsAre() {
    var found = new TreeMap<String, String>();
    for (var facts : CLASSES.values().stream().flatMap(List::stream).toList()) {
      if (FORBIDDEN_NAME.matcher(facts.simpleName()).matches()
          || FORBIDDEN_PACKAGE.matcher(facts.packageName()).matches()) {
        found.put(facts.name(), "names no thing of the domain");
      }
    }
    House.check("No providers, factories, managers, registries, utilities", found, Map.of());
  }

  @Test
  void nothingStaticChanges() {
    var found = new TreeMap<String, String>();
    for (var facts : CLASSES.values().stream().flatMap(List::stream).toList()) {
      if (!facts.mutableStatics().isEmpty()) {
        found.put(facts.name(), String.join(", ", facts.mutableStatics()));
      }
    }
    House.check("No static state that changes", found, Exceptions.MUTABLE_STATIC);
  }

  @Test
  void modulesExportWhatTheyShould() throws IOException {
    var wrong = new TreeMap<String, String>();
    var open = new TreeSet<String>();
    for (var module : House.MODULES) {
      var descriptor = descriptor(module);
      for (var export : descriptor.exports()) {
        if (!export.isQualified()) {
          open.add(export.source());
        } else if (!module.equals("bindings")) {
          wrong.put(module, export + " is exported to friends");
        } else if (!export.targets().equals(Set.of("io.gatun.kernels"))) {
          wrong.put(module, export + " is for io.gatun.kernels only");
        }
      }
    }
    for (var exported : open) {
      if (!EXPORTED.contains(exported)) {
        wrong.put(exported, "must not be exported");
      }
    }
    for (var expected : EXPORTED) {
      if (!open.contains(expected)) {
        wrong.put(expected, "is not exported");
      }
    }
    House.check("Modules export what others may name", wrong, Map.of());
  }

  @Test
  void printsHowMuchIsPublic() {
    var files = new ArrayList<Path>();
    House.MODULES.forEach(m -> files.addAll(House.files(m + "/src/main/java", ".java")));
    var types =
        SourceFacts.of(files).stream()
            .filter(s -> EXPORTED.contains(s.packageName()))
            .collect(
                Collectors.groupingBy(
                    SourceFacts::packageName,
                    TreeMap::new,
                    Collectors.summingInt(s -> s.publicTypes().size())));
    System.out.println("public types: " + types);
  }

  private static ModuleDescriptor descriptor(String module) throws IOException {
    var file = House.ROOT.resolve(module + "/target/classes/module-info.class");
    try (InputStream bytes = Files.newInputStream(file)) {
      return ModuleDescriptor.read(bytes);
    }
  }
}
