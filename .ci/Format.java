import com.google.googlejavaformat.java.Main;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;

/**
 * Checks or rewrites ({@code fix}) the Java sources of the tree with google-java-format. Run by the
 * parent pom with the formatter on the class path: {@code java Format.java MODE ROOT FOLDER}. The
 * folder gets {@code unformatted.txt}, which fails the build, or a stamp: files older than the last
 * clean check are not read again.
 */
void main(String[] arguments) throws Exception {
  boolean fix = arguments[0].equals("fix");
  var root = Path.of(arguments[1]);
  var folder = Files.createDirectories(Path.of(arguments[2]));
  var report = folder.resolve("unformatted.txt");
  var stamp = folder.resolve("checked");
  var checked = Files.exists(stamp) ? Files.getLastModifiedTime(stamp) : FileTime.fromMillis(0);
  var now = FileTime.fromMillis(System.currentTimeMillis());
  Files.deleteIfExists(report);

  var command = new ArrayList<String>();
  command.addAll(fix ? List.of("--replace") : List.of("--dry-run", "--set-exit-if-changed"));
  for (var file : sources(root)) {
    if (fix || Files.getLastModifiedTime(file).compareTo(checked) >= 0) {
      command.add(file.toString());
    }
  }
  var names = new StringWriter();
  int status = 0;
  if (!command.getLast().startsWith("--")) {
    var errors = new PrintWriter(System.err, true);
    status =
        new Main(new PrintWriter(names), errors, System.in).format(command.toArray(String[]::new));
  }
  if (status == 0) {
    Files.write(stamp, new byte[0]);
    Files.setLastModifiedTime(stamp, now);
  } else {
    var list = names.toString().replace(root + "/", "  ");
    Files.writeString(
        report,
        "Not in google-java-format's style (mvn -q -N verify -Dformat=fix rewrites):\n" + list);
  }
}

/** Every hand-written source: module/src/{main,test}/java and this folder. */
List<Path> sources(Path root) throws Exception {
  var found = new ArrayList<Path>();
  try (var modules = Files.newDirectoryStream(root)) {
    for (var module : modules) {
      for (var part : List.of("src/main/java", "src/test/java", "Format.java")) {
        var folder = module.resolve(part);
        if (Files.exists(folder)) {
          try (var files = Files.walk(folder)) {
            files.filter(f -> f.toString().endsWith(".java")).forEach(found::add);
          }
        }
      }
    }
  }
  return found;
}
