package io.gatun.quant;

import io.gatun.kernels.ops.Devices;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Finds the golden cases: in {@code quant/src/test/golden} and, with the same layout, in the folder
 * that {@code -Dgatun.golden} names. A case is what the folders hold, never a name in a test; a
 * case that both roots hold with equal bytes runs once.
 *
 * <pre>{@code
 * Golden.folders("peft", "adapter_config.json").run(c -> {
 *   Path base = c.resolve("models/tiny_llama");    // refused when no root has it
 *   if (...) throw new Golden.Refused("what this runtime does not do");
 *   assertEquals(...);
 * });
 * }</pre>
 */
public final class Golden {
  private static final Path DEFAULT = Path.of("quant", "src", "test", "golden");
  private static final Properties TOLERANCES = tolerances();

  private Golden() {}

  /**
   * One case: a folder or a file under {@code root}, at {@code relative} (with forward slashes).
   */
  public record Case(Path root, String relative) {
    /** The folder or the file itself. */
    public Path path() {
      return root.resolve(relative);
    }

    /** The last element of the path, without the suffix of a file. */
    public String name() {
      var file = path().getFileName().toString();
      int dot = Files.isDirectory(path()) ? -1 : file.indexOf('.');
      return dot > 0 ? file.substring(0, dot) : file;
    }

    /** A file in the case's folder. */
    public Path file(String name) {
      return path().resolve(name);
    }

    /**
     * What a case refers to ("models/tiny_llama"): in the case's own root, else in the default
     * root.
     *
     * @throws Refused if neither has it
     */
    public Path resolve(String reference) {
      return Stream.of(root, defaultRoot())
          .map(r -> r.resolve(reference))
          .filter(Files::exists)
          .findFirst()
          .orElseThrow(() -> new Refused(reference + " is in no root"));
    }

    @Override
    public String toString() {
      return root.equals(defaultRoot()) ? relative : relative + " (gatun.golden)";
    }
  }

  /**
   * Thrown by a test when the case asks for something that the runtime refuses, with the reason.
   */
  public static final class Refused extends RuntimeException {
    public Refused(String reason) {
      super(reason);
    }
  }

  /** What a test does with a case: returns when it passes, throws {@link Refused} or a failure. */
  public interface Check {
    void run(Case c) throws Exception;
  }

  /** The cases of one kind, the default root's first. */
  public record Cases(String kind, List<Case> list) {
    /** The cases of this list for which the condition holds. */
    public Cases where(Predicate<Case> condition) {
      return new Cases(kind, list.stream().filter(condition).toList());
    }

    /** The cases of this list, to be run on a device. */
    public PlacedCases on(Devices.Place place) {
      return new PlacedCases(this, place, Case::relative);
    }

    /**
     * Runs every case, prints the counts, then fails if one failed or if the default root had none.
     */
    public void run(Check check) {
      var refused = new ArrayList<String>();
      var failures = new ArrayList<Throwable>();
      for (var c : list) {
        try {
          check.run(c);
        } catch (Refused e) {
          refused.add(c + ": " + e.getMessage());
        } catch (Throwable e) {
          failures.add(new AssertionError("golden " + kind + " case " + c + ": " + e, e));
        }
      }
      int passed = list.size() - refused.size() - failures.size();
      var counts = "golden %s: found %d, passed %d".formatted(kind, list.size(), passed);
      var reasons = refused.isEmpty() ? "" : " (" + String.join("; ", refused) + ")";
      System.out.println(counts + ", refused " + refused.size() + reasons);
      if (list.stream().noneMatch(c -> c.root().equals(defaultRoot()))) {
        throw new AssertionError("golden " + kind + ": nothing found in " + defaultRoot());
      }
      if (!failures.isEmpty()) {
        var all = new AssertionError(failures.size() + " failed:\n" + lines(failures));
        failures.forEach(all::addSuppressed);
        throw all;
      }
    }

    private static String lines(List<Throwable> failures) {
      return String.join("\n", failures.stream().map(Throwable::getMessage).toList());
    }
  }

  /** The sub-folders of {@code folder} that hold a file of the name {@code marker}. */
  public static Cases folders(String folder, String marker) {
    return find(folder, folder, p -> Files.isRegularFile(p.resolve(marker)));
  }

  /** The files directly in {@code folder} whose names match the glob, such as "*.gguf". */
  public static Cases files(String folder, String glob) {
    var matcher = defaultRoot().getFileSystem().getPathMatcher("glob:" + glob);
    return find(
        folder + "/" + glob,
        folder,
        p -> Files.isRegularFile(p) && matcher.matches(p.getFileName()));
  }

  /** A file that the default root always holds. */
  public static Path file(String relative) {
    return defaultRoot().resolve(relative);
  }

  /** A value of tolerances.properties. */
  public static double tolerance(String key) {
    var text = Optional.ofNullable(TOLERANCES.getProperty(key));
    return Double.parseDouble(
        text.orElseThrow(() -> new AssertionError("no tolerance is called " + key)));
  }

  /** The roots: the repository's own first, then, where given, that of {@code gatun.golden}. */
  public static List<Path> roots() {
    var extra = System.getProperty("gatun.golden", "");
    if (extra.isEmpty()) {
      return List.of(defaultRoot());
    }
    var base = Path.of(System.getProperty("gatun.root", "")).toAbsolutePath();
    var folder = base.resolve(extra).normalize();
    if (!Files.isDirectory(folder)) {
      throw new AssertionError("-Dgatun.golden=" + extra + " is not a folder");
    }
    return List.of(defaultRoot(), folder);
  }

  private static Path defaultRoot() {
    var given = System.getProperty("gatun.root", "");
    for (var p = Path.of(given).toAbsolutePath(); p != null; p = p.getParent()) {
      if (Files.isDirectory(p.resolve(DEFAULT))) {
        return p.resolve(DEFAULT).normalize();
      }
    }
    throw new AssertionError("no folder above '" + given + "' holds " + DEFAULT);
  }

  private static Cases find(String kind, String folder, Predicate<Path> isCase) {
    var found = new ArrayList<Case>();
    for (var root : roots()) {
      for (var path : children(root.resolve(folder))) {
        var c = new Case(root, root.relativize(path).toString().replace('\\', '/'));
        if (isCase.test(path) && found.stream().noneMatch(f -> same(f, c))) {
          found.add(c);
        }
      }
    }
    return new Cases(kind, List.copyOf(found));
  }

  private static boolean same(Case a, Case b) {
    return a.relative().equals(b.relative()) && sameBytes(a.path(), b.path());
  }

  /** True if both are files of equal bytes, or folders of equal names and bytes. */
  private static boolean sameBytes(Path a, Path b) {
    try {
      if (Files.isRegularFile(a) && Files.isRegularFile(b)) {
        return Files.mismatch(a, b) < 0;
      }
      var left = children(a);
      var right = children(b);
      if (left.size() != right.size()) {
        return false;
      }
      for (int i = 0; i < left.size(); i++) {
        if (!left.get(i).getFileName().equals(right.get(i).getFileName())
            || !sameBytes(left.get(i), right.get(i))) {
          return false;
        }
      }
      return Files.isDirectory(a) && Files.isDirectory(b);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Path> children(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (var paths = Files.list(folder)) {
      return paths.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Properties tolerances() {
    var table = new Properties();
    try (InputStream in = Golden.class.getResourceAsStream("tolerances.properties")) {
      table.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return table;
  }
}
