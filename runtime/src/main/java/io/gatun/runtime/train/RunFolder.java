package io.gatun.runtime.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a run leaves on disk: {@code metrics.jsonl} with a line a step, {@code checkpoint-N}
 * folders, while it goes the best adapter so far in {@code checkpoint-best-N}, and at its end the
 * trained adapter in the folder itself. Every adapter is written beside its place and renamed into
 * it, so that a run killed at any moment leaves whole adapters or none; a better one is in its
 * place before the one it replaces goes.
 */
final class RunFolder implements RunOutput {
  private static final String CHECKPOINT = "checkpoint-";
  private static final String BEST = "checkpoint-best-";
  private static final String CONFIG = "adapter_config.json";
  private static final String WEIGHTS = "adapter_model.safetensors";

  private final Path folder;
  private final WholeFolders folders;
  private final int newest;
  private final FileChannel metrics;

  private RunFolder(Path folder, int newest, FileChannel metrics) {
    this.folder = folder;
    this.folders = new WholeFolders(folder);
    this.newest = newest;
    this.metrics = metrics;
  }

  /**
   * Opens the folder of a new run, creating it where it is absent.
   *
   * @param folder the folder
   * @param newest how many of the newest checkpoints stay; 0 for all
   * @param overwrite whether results of an earlier run may be replaced
   * @return the folder, to be closed after the run
   * @throws TrainingException where it holds results and may not be overwritten, where another run
   *     uses it, or where it cannot be written
   */
  static RunFolder open(Path folder, int newest, boolean overwrite) {
    try {
      Files.createDirectories(folder);
      var run =
          new RunFolder(
              folder,
              newest,
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
      throw new TrainingException(folder + " cannot be written: " + Reason.of(e) + ".", e);
    }
  }

  /** Takes the folder for this run alone and clears away what earlier runs left. */
  private void claim(boolean overwrite) throws IOException {
    if (!locked(metrics)) {
      throw new TrainingException(
          "Another run is writing to " + folder + "; choose another output folder.");
    }
    requireFree(folder, overwrite);
    for (Path file : folders.all()) {
      if (WholeFolders.isPartial(file) || isCheckpoint(file)) {
        folders.discard(file);
      }
    }
    metrics.truncate(0);
  }

  /** Refuses a folder with results that may not be overwritten; an absent one is free. */
  static void requireFree(Path folder, boolean overwrite) {
    if (!Files.exists(folder)) {
      return;
    }
    try {
      var result = new WholeFolders(folder).all().stream().filter(RunFolder::isResult).findFirst();
      if (result.isPresent() && !overwrite) {
        throw new TrainingException(
            "%s already holds %s of an earlier run; choose another output folder, or allow overwriting."
                .formatted(folder, result.get().getFileName()));
      }
    } catch (IOException e) {
      throw new TrainingException(folder + " cannot be written: " + Reason.of(e) + ".", e);
    }
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

  /** The folder checkpoint-N appears whole; the oldest that are too many go. */
  @Override
  public void checkpoint(int step, Consumer<Path> save) {
    try {
      folders.appear(CHECKPOINT + step, save);
      keep(CHECKPOINT, newest == 0 ? Integer.MAX_VALUE : newest);
    } catch (IOException e) {
      throw failed(CHECKPOINT + step, e);
    }
  }

  /** The folder checkpoint-best-N appears whole; then the one that was best before goes. */
  @Override
  public void best(int step, Consumer<Path> save) {
    try {
      folders.appear(BEST + step, save);
      keep(BEST, 1);
    } catch (IOException e) {
      throw failed(BEST + step, e);
    }
  }

  /** Into the folder itself; a copy of the best is then superfluous. */
  @Override
  public void finish(Consumer<Path> save) {
    try {
      folders.fillParent(CONFIG, save);
      keep(BEST, 0);
    } catch (IOException e) {
      throw failed("the adapter", e);
    }
  }

  @Override
  public List<String> checkpoints() {
    try {
      return Stream.of(saved(CHECKPOINT), saved(BEST))
          .filter(saved -> !saved.isEmpty())
          .map(saved -> saved.getLast().getFileName().toString())
          .toList();
    } catch (IOException e) {
      throw new TrainingException(folder + " cannot be read: " + Reason.of(e) + ".", e);
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

  /** Deletes the oldest of a kind until so many are left. */
  private void keep(String kind, int count) throws IOException {
    List<Path> saved = saved(kind);
    for (Path old : saved.subList(0, Math.max(0, saved.size() - count))) {
      folders.discard(old);
    }
  }

  /** The checkpoints of a kind, by rising step. */
  private List<Path> saved(String kind) throws IOException {
    return folders.all().stream()
        .filter(file -> name(file).matches(kind + "\\d{1,9}"))
        .sorted(Comparator.comparing(file -> Integer.valueOf(name(file).substring(kind.length()))))
        .toList();
  }

  private TrainingException failed(String what, IOException e) {
    return new TrainingException(
        "%s cannot be written in %s: %s; what is already saved there is whole."
            .formatted(what, folder, Reason.of(e)),
        e);
  }

  private static boolean isResult(Path file) {
    return name(file).equals(CONFIG) || name(file).equals(WEIGHTS) || isCheckpoint(file);
  }

  private static boolean isCheckpoint(Path file) {
    return name(file).matches("(" + CHECKPOINT + "|" + BEST + ")\\d+");
  }

  private static String name(Path file) {
    return file.getFileName().toString();
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }
}
