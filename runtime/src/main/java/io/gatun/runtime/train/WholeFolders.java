package io.gatun.runtime.train;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Folders in one folder that come and go as a whole: each is filled under another name, forced to
 * disk and renamed, and renamed again before it is deleted.
 *
 * @param parent where they are
 */
record WholeFolders(Path parent) {
  private static final String PARTIAL = ".partial-";

  /** Everything in the parent, by name. */
  List<Path> all() throws IOException {
    return children(parent);
  }

  /** Whether this is a folder that was not finished, or was on its way out. */
  static boolean isPartial(Path file) {
    return file.getFileName().toString().startsWith(PARTIAL);
  }

  /** A new folder, in place of one of its name. */
  void appear(String name, Consumer<Path> fill) throws IOException {
    Path partial = write(name, fill);
    Path target = parent.resolve(name);
    discard(target);
    Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    force(parent);
  }

  /**
   * New files in the parent itself, in place of those of their names. One leaves first and comes
   * last, so that its presence says that all belong together.
   *
   * @param last the name of that file
   * @param fill writes the files into the folder it is given
   */
  void fillParent(String last, Consumer<Path> fill) throws IOException {
    Path partial = write("adapter", fill);
    Files.deleteIfExists(parent.resolve(last));
    for (Path file : children(partial)) {
      if (!file.getFileName().toString().equals(last)) {
        moveUp(file);
      }
    }
    moveUp(partial.resolve(last));
    force(parent);
    delete(partial);
  }

  /** Deletes a folder, if it is there. */
  void discard(Path folder) throws IOException {
    if (isPartial(folder)) {
      delete(folder);
    } else if (Files.exists(folder)) {
      Path old = parent.resolve(PARTIAL + "old-" + folder.getFileName());
      delete(old);
      Files.move(folder, old, StandardCopyOption.ATOMIC_MOVE);
      delete(old);
    }
  }

  private Path write(String name, Consumer<Path> fill) throws IOException {
    Path partial = parent.resolve(PARTIAL + name);
    delete(partial);
    Files.createDirectory(partial);
    try {
      fill.accept(partial);
      force(partial);
      return partial;
    } catch (IOException | RuntimeException e) {
      delete(partial);
      throw e;
    }
  }

  private void moveUp(Path file) throws IOException {
    Files.move(
        file,
        parent.resolve(file.getFileName()),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }

  private static List<Path> children(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  private static void delete(Path path) throws IOException {
    if (!Files.exists(path)) {
      return;
    }
    try (Stream<Path> files = Files.walk(path)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private static void force(Path folder) throws IOException {
    try (var channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
