package io.gatun.bench.house;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.Utf8Entry;
import java.lang.reflect.AccessFlag;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;

/**
 * What the rules ask of one class file.
 *
 * @param name with dots and dollars
 * @param uses names of the classes it refers to, also those that only appear in descriptors
 * @param mutableStatics static fields that are not final or whose type is made to be changed
 */
record ClassFacts(String name, Set<String> uses, List<String> mutableStatics) {
  private static final Pattern DESCRIBED = Pattern.compile("L([a-z]+/[\\w/$]+);");
  private static final Pattern CHANGEABLE =
      Pattern.compile(
          "Ljava/(util/concurrent/(atomic/.*|.*Map|.*Queue)|lang/ThreadLocal|util/\\w+(List|Map|Set|Deque));");

  static ClassFacts of(Path file) {
    try {
      return of(ClassFile.of().parse(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ClassFacts of(ClassModel model) {
    var uses = new TreeSet<String>();
    for (var entry : model.constantPool()) {
      switch (entry) {
        case ClassEntry c -> uses.add(c.asInternalName().replace('/', '.'));
        case Utf8Entry u -> {
          var described = DESCRIBED.matcher(u.stringValue());
          while (described.find()) {
            uses.add(described.group(1).replace('/', '.'));
          }
        }
        default -> {} // numbers and strings
      }
    }
    var statics =
        model.fields().stream()
            .filter(f -> f.flags().has(AccessFlag.STATIC))
            .filter(
                f -> !f.flags().has(AccessFlag.FINAL) || isChangeable(f.fieldType().stringValue()))
            .map(f -> f.fieldName().stringValue())
            .toList();
    return new ClassFacts(model.thisClass().asInternalName().replace('/', '.'), uses, statics);
  }

  // Declared as an interface, a collection may well be immutable; declared by class it is not.
  private static boolean isChangeable(String descriptor) {
    return CHANGEABLE.matcher(descriptor).matches()
        && !descriptor.matches("Ljava/util/(List|Map|Set|SequencedMap|NavigableMap|SortedMap);");
  }

  String simpleName() {
    return name.substring(Math.max(name.lastIndexOf('.'), name.lastIndexOf('$')) + 1);
  }

  String packageName() {
    return name.substring(0, Math.max(0, name.lastIndexOf('.')));
  }

  static List<ClassFacts> of(Iterable<Path> files) {
    return StreamSupport.stream(files.spliterator(), false).map(ClassFacts::of).toList();
  }
}
