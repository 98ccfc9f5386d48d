package io.gatun.bench.house;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The rules about source files: sizes, comments, tolerances, words, and the parts of a kernel. */
class SourceRulesTest {
  private static final int FILE_LINES = 300;
  private static final int METHOD_LINES = 40;
  private static final int OP_LINES = 60;

  /** What sources must not hold: words of unfinished work, and folders of somebody's machine. */
  private static final Pattern UNFINISHED =
      Pattern.compile(
          "\\b(TODO|FIXME|XXX|UnsupportedOperationException)\\b|/(home|root|work|Users|mnt|srv)/");

  private static List<SourceFacts> sources;

  @BeforeAll
  static void parse() {
    var files = new ArrayList<Path>();
    for (var module : House.MODULES) {
      files.addAll(House.files(module + "/src/main/java", ".java"));
      files.addAll(House.files(module + "/src/test/java", ".java"));
    }
    sources = SourceFacts.of(files);
    assertFalse(sources.isEmpty());
  }

  @Test
  void filesAndMethodsKeepTheirBudgets() {
    var files = new TreeMap<String, String>();
    var methods = new TreeMap<String, String>();
    for (var source : sources) {
      var name = House.name(source.file());
      if (source.lines() > FILE_LINES) {
        files.put(name, source.lines() + " lines");
      }
      if (source.longestMethod() > methodBudget(source)) {
        methods.put(name + "#" + source.longestMethodName(), source.longestMethod() + " lines");
      }
    }
    for (var file : House.files("native", ".cpp", ".h", ".inc", ".cu", ".cuh")) {
      if (House.lines(file) > FILE_LINES && !House.name(file).contains("/target/")) {
        files.put(House.name(file), House.lines(file) + " lines");
      }
    }
    printSizes();
    House.check("Files of at most 300 lines", files, Exceptions.FILE_SIZE);
    House.check("Methods of at most 40 lines, operations 60", methods, Exceptions.METHOD_SIZE);
  }

  private static int methodBudget(SourceFacts source) {
    boolean op =
        source.packageName().equals("io.gatun.kernels.ops")
            && (!source.isTest() || source.file().toString().endsWith("Reference.java"));
    return op ? OP_LINES : METHOD_LINES;
  }

  private static void printSizes() {
    System.out.println("module    files  lines  longest file                       longest method");
    for (var module : House.MODULES) {
      for (var part : List.of("main", "test")) {
        var prefix = module + "/src/" + part;
        var own = sources.stream().filter(s -> House.name(s.file()).startsWith(prefix)).toList();
        own.stream()
            .max(Comparator.comparingInt(SourceFacts::longestMethod))
            .ifPresent(m -> printRow(part.equals("main") ? module : "  tests", own, m));
      }
    }
    var files = new ArrayList<>(House.files("native/cpu", ".cpp", ".h"));
    files.addAll(House.files("native/include", ".h", ".inc"));
    var longest = files.stream().max(Comparator.comparingInt(House::lines)).orElseThrow();
    System.out.printf(
        "%-9s %5d %6d  %-30s %3d%n",
        "native",
        files.size(),
        files.stream().mapToInt(House::lines).sum(),
        longest.getFileName(),
        House.lines(longest));
  }

  private static void printRow(String label, List<SourceFacts> own, SourceFacts longestMethod) {
    var longest = own.stream().max(Comparator.comparingInt(SourceFacts::lines)).orElseThrow();
    System.out.printf(
        "%-9s %5d %6d  %-30s %3d  %s.%s %d%n",
        label,
        own.size(),
        own.stream().mapToInt(SourceFacts::lines).sum(),
        longest.file().getFileName(),
        longest.lines(),
        longestMethod.file().getFileName().toString().replace(".java", ""),
        longestMethod.longestMethodName(),
        longestMethod.longestMethod());
  }

  @Test
  void whatIsExportedIsCommented() {
    var missing = new TreeMap<String, String>();
    for (var source : sources) {
      if (ModuleRulesTest.EXPORTED.contains(source.packageName()) && !source.isTest()) {
        source
            .uncommented()
            .forEach(n -> missing.put(House.name(source.file()) + " " + n, "no comment"));
      }
    }
    House.check("Comments on what is exported", missing, Map.of());
  }

  @Test
  void everyPackageSaysWhatLivesThere() {
    var missing = new TreeMap<String, String>();
    for (var source : sources) {
      var info = source.file().resolveSibling("package-info.java");
      boolean root = source.file().endsWith("module-info.java");
      if (!source.isTest() && !root && (!Files.exists(info) || House.lines(info) < 5)) {
        missing.put(source.packageName(), "package-info.java is missing or says too little");
      }
    }
    House.check("A package-info.java for each package", missing, Map.of());
  }

  @Test
  void tolerancesStandInTheirTableOnly() {
    var found = new TreeMap<String, String>();
    for (var source : sources) {
      if (source.isTest() && !source.file().endsWith("Tolerance.java")) {
        source
            .toleranceLiterals()
            .forEach(l -> found.put(House.name(source.file()) + ":" + l, "a literal tolerance"));
      }
    }
    House.check(
        "Tolerances by Tolerance.of or the table of the golden data", found, Exceptions.TOLERANCE);
  }

  @Test
  void nothingIsLeftUnfinished() {
    var found = new TreeMap<String, String>();
    var files = new ArrayList<>(sources.stream().map(SourceFacts::file).toList());
    files.addAll(House.files("native/cpu", ".cpp", ".h"));
    files.addAll(House.files("native/cuda", ".cu", ".cuh"));
    files.addAll(House.files("native/emulator", ".cpp", ".h"));
    files.addAll(House.files("native/include", ".h", ".inc"));
    files.addAll(House.files("bench/results", ".json", ".md", ".txt"));
    files.remove(
        House.ROOT.resolve("bench/src/test/java/io/gatun/bench/house/SourceRulesTest.java"));
    for (var file : files) {
      var word = UNFINISHED.matcher(House.text(file));
      if (word.find()) {
        found.put(House.name(file), word.group());
      }
    }
    House.check("Finished, and bound to no machine", found, Map.of());
  }

  @Test
  void everyKernelHasItsParts() {
    var parts = KernelParts.ofTree(sources);
    System.out.println(
        "kernels: " + parts.stems().size() + " sources, " + parts.ops().size() + " operations");
    House.check("One kernel, one stem, everywhere", parts.missing(), Exceptions.KERNEL_PARTS);
  }
}
