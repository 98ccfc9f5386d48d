package io.gatun.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A file of results. */
public final class ResultFile {
  private static final JsonMapper JSON = new JsonMapper();

  private ResultFile() {}

  /**
   * Writes results; the file appears whole or not at all.
   *
   * @param file where; its folder is made if there is none
   * @param results what
   */
  public static void write(Path file, ObjectNode results) {
    var whole = file.toAbsolutePath();
    try {
      Files.createDirectories(whole.getParent());
      var part = Files.createTempFile(whole.getParent(), whole.getFileName().toString(), ".part");
      Files.writeString(
          part, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(results) + "\n");
      Files.move(part, whole, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new UncheckedIOException("%s cannot be written".formatted(file), e);
    }
  }
}
