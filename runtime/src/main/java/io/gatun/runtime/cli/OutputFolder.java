package io.gatun.runtime.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.function.Consumer;

/** Folders that appear whole or not at all. */
final class OutputFolder {
  private OutputFolder() {}

  /**
   * Fills a new folder beside its place, and renames it into it when it is complete.
   *
   * @param folder absent, or empty
   * @param fill writes into the folder it is given
   */
  static void write(Path folder, Consumer<Path> fill) {
    Path target = folder.toAbsolutePath();
    try {
      if (Files.isRegularFile(target)) {
        throw new UsageException(folder + " is a file; choose a folder");
      }
      if (Files.exists(target) && !isEmpty(target)) {
        throw new UsageException(folder + " already holds files; choose another folder");
      }
      Files.createDirectories(target.getParent());
      Path partial = target.resolveSibling("." + target.getFileName() + ".partial");
      delete(partial);
      Files.createDirectory(partial);
      try {
        fill.accept(partial);
        Files.deleteIfExists(target);
        Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        delete(partial);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isEmpty(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return false;
    }
    try (var files = Files.list(folder)) {
      return files.findAny().isEmpty();
    }
  }

  /** Removes a folder with all that is in it, if it is there. */
  static void delete(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    try (var files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
