package io.gatun.runtime.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a run leaves on disk: {@code metrics.jsonl} with a line a step, {@code checkpoint-N}
 * folders, and the trained adapter in the folder itself. Every adapter is written beside its place
 * and renamed into it, so that a run killed at any moment leaves whole adapters or none.
 */
final class RunFolder implements RunOutput {
  private static final String PARTIAL = ".partial-";
  private static final String CHECKPOINT = "checkpoint-\\d+";
  private static final String CONFIG = "adapter_config.json";
  private static final String WEIGHTS = "adapter_model.safetensors";

  private final Path folder;
  private final FileChannel metrics;

  private RunFolder(Path folder, FileChannel metrics) {
    this.folder = folder;
    this.metrics = metrics;
  }

  /**
   * Opens the folder of a new run, creating it where it is absent.
   *
   * @param folder the folder
   * @param overwrite whether results of an earlier run may be replaced
   * @return the folder, to be closed after the run
   * @throws TrainingException where it holds results and may not be overwritten, where another run
   *     uses it, or where it cannot be written
   */
  static RunFolder open(Path folder, boolean overwrite) {
    try {
      Files.createDirectories(folder);
      var run =
          new RunFolder(
              folder,
              FileChannel.open(
                  folder.resolve("metrics.jsonl"),
                  StandardOpenOption.CREATE,
                  StandardOpenOption.WRITE));
      try {
        run.claim(overwrite);
        return run;
      } catch (IOException | TrainingException e) {
        run.close();
        throw e;
      }
    } catch (IOException e) {
      throw new TrainingException(folder + " cannot be written: " + reason(e) + ".", e);
    }
  }

  /** Takes the folder for this run alone and clears away what earlier runs left. */
  private void claim(boolean overwrite) throws IOException {
    if (!locked(metrics)) {
      throw new TrainingException(
          "Another run is writing to " + folder + "; choose another output folder.");
    }
    List<Path> files = children(folder);
    var result = files.stream().filter(RunFolder::isResult).findFirst();
    if (result.isPresent() && !overwrite) {
      throw new TrainingException(
          "%s already holds %s of an earlier run; choose another output folder, or allow overwriting."
              .formatted(folder, result.get().getFileName()));
    }
    for (Path file : files) {
      String name = file.getFileName().toString();
      if (name.startsWith(PARTIAL)) {
        delete(file);
      } else if (name.matches(CHECKPOINT)) {
        discard(file);
      }
    }
    metrics.truncate(0);
  }

  /** In one write, so that a line is there or not. */
  @Override
  public void metrics(ObjectNode line) {
    try {
      var bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        metrics.write(bytes);
      }
    } catch (IOException e) {
      throw failed("metrics.jsonl", e);
    }
  }

  /** The folder checkpoint-N appears whole. */
  @Override
  public void checkpoint(int step, Consumer<Path> save) {
    String name = "checkpoint-" + step;
    try {
      Path partial = write(name, save);
      Path target = folder.resolve(name);
      discard(target);
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
      force(folder);
    } catch (IOException e) {
      throw failed(name, e);
    }
  }

  /**
   * Into the folder itself. The configuration leaves first and comes last: without it a folder is
   * no adapter, so old and new files are never taken for a pair.
   */
  @Override
  public void finish(Consumer<Path> save) {
    try {
      Path partial = write("adapter", save);
      Files.deleteIfExists(folder.resolve(CONFIG));
      for (Path file : children(partial)) {
        if (!file.getFileName().toString().equals(CONFIG)) {
          moveInto(file);
        }
      }
      moveInto(partial.resolve(CONFIG));
      force(folder);
      delete(partial);
    } catch (IOException e) {
      throw failed("the adapter", e);
    }
  }

  /** Closes metrics.jsonl and lets other runs use the folder. */
  @Override
  public void close() {
    try {
      metrics.close();
    } catch (IOException e) {
      throw failed("metrics.jsonl", e);
    }
  }

  private Path write(String name, Consumer<Path> save) throws IOException {
    Path partial = folder.resolve(PARTIAL + name);
    delete(partial);
    Files.createDirectory(partial);
    try {
      save.accept(partial);
      force(partial);
      return partial;
    } catch (IOException | RuntimeException e) {
      delete(partial);
      throw e;
    }
  }

  private void moveInto(Path file) throws IOException {
    Files.move(
        file,
        folder.resolve(file.getFileName()),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }

  private TrainingException failed(String what, IOException e) {
    return new TrainingException(
        "%s cannot be written in %s: %s; what is already saved there is whole."
            .formatted(what, folder, reason(e)),
        e);
  }

  private static boolean isResult(Path file) {
    String name = file.getFileName().toString();
    return name.equals(CONFIG) || name.equals(WEIGHTS) || name.matches(CHECKPOINT);
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  private static List<Path> children(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  /** Deletes a checkpoint, which goes as a whole, like it came. */
  private void discard(Path checkpoint) throws IOException {
    if (Files.exists(checkpoint)) {
      Path old = folder.resolve(PARTIAL + "old-" + checkpoint.getFileName());
      delete(old);
      Files.move(checkpoint, old, StandardCopyOption.ATOMIC_MOVE);
      delete(old);
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

  private static String reason(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
