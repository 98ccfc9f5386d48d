package io.gatun.bench.house;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * One kernel, one stem, everywhere: {@code rms_norm} is {@code native/cpu/rms_norm.cpp}, {@code
 * gatun_rms_norm…} in the header, and {@code RmsNorm}, {@code RmsNormReference}, {@code
 * RmsNormTest} and {@code RmsNormBenchmark} in Java. A stem may extend the name of its operation:
 * {@code rms_norm_backward} belongs to {@code RmsNorm} as well.
 *
 * @param stems of {@code native/cpu}
 * @param functions of the header, without {@code gatun_}
 * @param ops public classes of {@code io.gatun.kernels.ops}
 * @param tests names of the test classes beside them, references included
 * @param benchmarks names of the classes of {@code io.gatun.bench}
 */
record KernelParts(
    List<String> stems,
    List<String> functions,
    List<String> ops,
    List<String> tests,
    List<String> benchmarks) {
  private static final Pattern FUNCTION = Pattern.compile("(?m)^int32_t gatun_(\\w+)\\(");

  static KernelParts ofTree(List<SourceFacts> sources) {
    var header = House.text(House.ROOT.resolve("native/include/gatun_kernels.h"));
    return new KernelParts(
        names(House.files("native/cpu", ".cpp")),
        FUNCTION.matcher(header).results().map(m -> m.group(1)).toList(),
        sources.stream()
            .filter(s -> !s.isTest() && s.packageName().equals("io.gatun.kernels.ops"))
            .filter(s -> !s.publicTypes().isEmpty())
            .filter(s -> House.text(s.file()).contains("case CpuDevice"))
            .map(s -> s.publicTypes().getFirst())
            .toList(),
        names(House.files("kernels/src/test/java/io/gatun/kernels/ops", ".java")),
        names(House.files("bench/src/main/java/io/gatun/bench", ".java")));
  }

  /** What is missing, by {@code stem: part}. */
  TreeMap<String, String> missing() {
    var missing = new TreeMap<String, String>();
    for (var stem : stems) {
      if (opOf(stem).isEmpty()) {
        missing.put(stem + ": op", "no operation " + camelCase(stem));
      }
      if (functions.stream().noneMatch(f -> extendsName(f, stem))) {
        missing.put(stem + ": header", "gatun_" + stem + " is not in gatun_kernels.h");
      }
    }
    for (var function : functions) {
      if (stems.stream().noneMatch(s -> extendsName(function, s))) {
        missing.put(function + ": source", "no file of native/cpu is named after it");
      }
    }
    for (var op : ops) {
      if (stems.stream().noneMatch(s -> opOf(s).equals(Optional.of(op)))) {
        missing.put(op + ": source", "no " + snakeCase(op) + ".cpp");
      }
      require(missing, op, "Reference", tests);
      require(missing, op, "Test", tests);
      require(missing, op, "Benchmark", benchmarks);
    }
    return missing;
  }

  private static void require(
      TreeMap<String, String> missing, String op, String part, List<String> present) {
    if (!present.contains(op + part)) {
      missing.put(op + ": " + part.toLowerCase(java.util.Locale.ROOT), "no " + op + part);
    }
  }

  /** The operation whose name is the stem's longest beginning. */
  private Optional<String> opOf(String stem) {
    return ops.stream()
        .filter(op -> extendsName(stem, snakeCase(op)))
        .max(Comparator.comparingInt(String::length));
  }

  private static boolean extendsName(String longer, String name) {
    return longer.equals(name) || longer.startsWith(name + "_");
  }

  static String snakeCase(String camel) {
    return camel.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "_").toLowerCase(java.util.Locale.ROOT);
  }

  private static String camelCase(String stem) {
    var words = new ArrayList<String>();
    for (var word : stem.split("_")) {
      words.add(word.substring(0, 1).toUpperCase(java.util.Locale.ROOT) + word.substring(1));
    }
    return String.join("", words);
  }

  private static List<String> names(List<Path> files) {
    return files.stream()
        .map(f -> f.getFileName().toString().replaceFirst("\\.\\w+$", ""))
        .toList();
  }
}
