package io.gatun.runtime.train;

import io.gatun.runtime.train.JsonlFile.Place;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.BiConsumer;

/** The lines of a UTF-8 file or stream, one at a time; what is no text is refused by name. */
final class TextLines {
  private static final int LONGEST_LINE = 64 << 20;

  private TextLines() {}

  /** Reads an open file. */
  @FunctionalInterface
  interface Reading {
    void read(InputStream in) throws IOException;
  }

  /**
   * Opens a file and has it read.
   *
   * @throws DatasetException where there is no such file, or it cannot be read
   */
  static void read(Path file, Reading reading) {
    if (Files.isDirectory(file)) {
      throw new DatasetException(
          file + " is a folder; name the file with the rows, for example train.jsonl in it.");
    }
    if (!Files.exists(file)) {
      throw new DatasetException(file + " does not exist; check the path.");
    }
    try (var in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      reading.read(in);
    } catch (IOException e) {
      throw new DatasetException(file + " cannot be read: " + Reason.of(e) + ".", e);
    }
  }

  /**
   * Gives every line to a consumer as soon as it is there.
   *
   * @param name of the stream, for messages
   * @param in buffered
   * @param lines takes the place and the text of each line, without blanks at its end
   * @throws DatasetException where the stream holds no UTF-8 text
   * @throws IOException where it cannot be read
   */
  static void forEach(Path name, InputStream in, BiConsumer<Place, String> lines)
      throws IOException {
    byte[] bytes = withoutMark(name, next(name, in, 1));
    for (int line = 1; bytes.length > 0; line++) {
      Place place = new Place(name, line);
      lines.accept(place, decode(place, bytes).replaceFirst("\r?\n$", ""));
      bytes = next(name, in, line + 1);
    }
  }

  /** The first line without a byte order mark; refuses what begins as other formats do. */
  private static byte[] withoutMark(Path name, byte[] line) {
    String kind =
        startsWith(line, 0x1F, 0x8B)
            ? "gzip data; unpack it first (gunzip)"
            : startsWith(line, 'P', 'K', 3, 4)
                ? "a zip archive; unpack it first"
                : startsWith(line, 'P', 'A', 'R', '1')
                    ? "a Parquet file; export it as JSONL first"
                    : startsWith(line, 0xFF, 0xFE) || startsWith(line, 0xFE, 0xFF)
                        ? "UTF-16 text; save it as UTF-8"
                        : "";
    if (!kind.isEmpty()) {
      throw new DatasetException(name + " is " + kind + ".");
    }
    return startsWith(line, 0xEF, 0xBB, 0xBF) ? Arrays.copyOfRange(line, 3, line.length) : line;
  }

  private static boolean startsWith(byte[] line, int... bytes) {
    byte[] expected = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      expected[i] = (byte) bytes[i];
    }
    return Arrays.equals(Arrays.copyOf(line, bytes.length), expected);
  }

  /** The next line with its end; empty at the end of the file. */
  private static byte[] next(Path name, InputStream in, int line) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
    for (int b = in.read(); b >= 0; b = in.read()) {
      bytes.write(b);
      if (b == '\n') {
        break;
      }
      if (bytes.size() > LONGEST_LINE) {
        throw new Place(name, line)
            .error("the line is longer than %d MiB; write one row a line.", LONGEST_LINE >> 20);
      }
    }
    return bytes.toByteArray();
  }

  private static String decode(Place place, byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT)
          .decode(in)
          .toString();
    } catch (CharacterCodingException e) {
      throw place.error(
          "byte %d is not valid UTF-8 (0x%02X); save the file as UTF-8.",
          in.position() + 1, bytes[in.position()] & 0xFF);
    }
  }
}
