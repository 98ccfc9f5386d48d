package io.gatun.runtime.train;

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
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Reads a file of one JSON object a line, a line at a time; what is not that is refused by name.
 */
final class JsonlFile {
  private static final int LONGEST_LINE = 64 << 20;
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private JsonlFile() {}

  /** A line of a file, for messages. */
  record Place(Path file, int line) {
    /** An error at this place. */
    DatasetException error(String sentence, Object... arguments) {
      return new DatasetException(
          "%s, line %d: %s".formatted(file, line, sentence.formatted(arguments)));
    }
  }

  /**
   * Gives every object of the file to a consumer; blank lines are passed over.
   *
   * @param file the file
   * @param example a row as it should be, for the message about a file without one
   * @param rows takes the place and the object of each line
   * @throws DatasetException where the file is not JSONL or holds no row
   */
  static void forEach(Path file, String example, BiConsumer<Place, ObjectNode> rows) {
    if (Files.isDirectory(file)) {
      throw new DatasetException(
          file + " is a folder; name the file with the rows, for example train.jsonl in it.");
    }
    if (!Files.exists(file)) {
      throw new DatasetException(file + " does not exist; check the path.");
    }
    int rowCount = 0;
    try (var in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      refuseOtherFormats(file, in);
      int line = 0;
      for (byte[] bytes = nextLine(file, in, 1); bytes.length > 0; ) {
        Place place = new Place(file, ++line);
        String text = decode(place, bytes).strip();
        if (!text.isEmpty()) {
          rows.accept(place, parse(place, text));
          rowCount++;
        }
        bytes = nextLine(file, in, line + 1);
      }
    } catch (IOException e) {
      throw new DatasetException(file + " cannot be read: " + Reason.of(e) + ".", e);
    }
    if (rowCount == 0) {
      throw new DatasetException(
          file + " holds no row; write one JSON object a line, for example " + example + ".");
    }
  }

  private static void refuseOtherFormats(Path file, InputStream in) throws IOException {
    in.mark(8);
    byte[] head = in.readNBytes(4);
    in.reset();
    String kind =
        startsWith(head, 0x1F, 0x8B)
            ? "gzip data; unpack it first (gunzip)"
            : startsWith(head, 'P', 'K', 3, 4)
                ? "a zip archive; unpack it first"
                : startsWith(head, 'P', 'A', 'R', '1')
                    ? "a Parquet file; export it as JSONL first"
                    : startsWith(head, 0xFF, 0xFE) || startsWith(head, 0xFE, 0xFF)
                        ? "UTF-16 text; save it as UTF-8"
                        : "";
    if (!kind.isEmpty()) {
      throw new DatasetException(file + " is " + kind + ".");
    }
    if (startsWith(head, 0xEF, 0xBB, 0xBF)) {
      in.skipNBytes(3);
    }
  }

  private static boolean startsWith(byte[] head, int... bytes) {
    byte[] expected = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      expected[i] = (byte) bytes[i];
    }
    return Arrays.equals(Arrays.copyOf(head, bytes.length), expected);
  }

  /** The next line with its line end; empty at the end of the file. */
  private static byte[] nextLine(Path file, InputStream in, int line) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
    for (int b = in.read(); b >= 0; b = in.read()) {
      bytes.write(b);
      if (b == '\n') {
        break;
      }
      if (bytes.size() > LONGEST_LINE) {
        throw new Place(file, line)
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

  private static ObjectNode parse(Place place, String text) {
    if (text.startsWith("[")) {
      throw place.error(
          "a row starts with {, this line is a JSON array; write one object a line "
              + "(jq -c '.[]' FILE does it).");
    }
    if (!text.startsWith("{")) {
      throw place.error(
          "a row is a JSON object and starts with {, this line starts with \"%s\"; "
              + "CSV and plain text must be converted to one JSON object a line.",
          text.substring(0, text.offsetByCodePoints(0, 1)));
    }
    try {
      JsonNode node = JSON.readTree(text);
      return (ObjectNode) node;
    } catch (JacksonException e) {
      throw place.error(
          "not valid JSON at column %d (%s); each line must hold one whole JSON object.",
          e.getLocation().getColumnNr(), firstLine(e.getOriginalMessage()));
    }
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("");
  }
}
