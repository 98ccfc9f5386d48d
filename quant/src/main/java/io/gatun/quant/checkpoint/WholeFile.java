package io.gatun.quant.checkpoint;

import java.nio.file.Path;
import java.util.List;

/** Writes small files that exist whole or not at all. */
public final class WholeFile {
  private WholeFile() {}

  /**
   * Writes a file beside its name, forces it to disk, and gives it the name.
   *
   * @param file replaced if it exists; its folder exists
   * @param contents its bytes
   * @throws CheckpointException if it cannot be written; then nothing of it is left
   */
  public static void write(Path file, byte[] contents) {
    AtomicFile.writeAll(
        List.of(new AtomicFile.Job(file, out -> out.append(contents))), AtomicFile::disk);
  }
}
