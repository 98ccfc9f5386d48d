package io.gatun.quant.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import tools.jackson.databind.JsonNode;

/**
 * A .jar or .zip with one ONNX model and its tokenizer.json, as langchain4j publishes them. The
 * names inside never become paths; what is inflated goes into the arena once, as much as the
 * archive says beforehand, and has the checksum that it states.
 */
final class ModelArchive {
  private static final long MAX_MODEL = 1L << 31; // of a protocol buffers message
  private static final long MAX_TEXT = 1L << 28;
  // Deflate reaches 1000; weights, tokenizers and settings are far below this.
  private static final long MAX_RATIO = 200;
  private static final int PIECE = 1 << 16;
  private static final int SHOWN = 5;

  private final Path file;
  private final ZipFile zip;
  private final List<String> names;

  private ModelArchive(Path file, ZipFile zip) {
    this.file = file;
    this.zip = zip;
    this.names = zip.stream().filter(e -> !e.isDirectory()).map(ZipEntry::getName).toList();
  }

  /** The model in an archive; pickle files, which are archives too, are refused. */
  static Checkpoint open(Path file, Arena arena) {
    if (file.toString().matches(".*\\.(bin|pt|pth|ckpt)")) {
      throw new CheckpointException(file, FolderReader.PICKLE);
    }
    try (var zip = new ZipFile(file.toFile())) {
      return new ModelArchive(file, zip).checkpoint(arena);
    } catch (ZipException e) {
      throw new CheckpointException(file, "is a damaged archive: " + Sentences.of(e));
    } catch (IOException e) {
      throw new CheckpointException(file, "cannot be read: " + Sentences.of(e));
    }
  }

  private Checkpoint checkpoint(Arena arena) throws IOException {
    if (names.stream().anyMatch(name -> name.matches("(.*/)?data\\.pkl"))) {
      throw new CheckpointException(file, FolderReader.PICKLE);
    }
    var model = model();
    var tokenizer = tokenizer(model);
    var json = text(tokenizer, inflate(tokenizer, MAX_TEXT, arena));
    var source = new TokenizerSource.Text(file + "!/" + tokenizer, json);
    var config = config(model, arena);
    return OnnxModel.read(file, inflate(model, MAX_MODEL, arena), config, source);
  }

  private String model() {
    var models = names.stream().filter(name -> name.endsWith(".onnx")).sorted().toList();
    if (models.isEmpty()) {
      boolean other = names.stream().anyMatch(n -> n.matches(".*\\.(safetensors|gguf)"));
      throw new CheckpointException(
          file,
          other
              ? "holds %s; unpack it and give the folder or the .gguf file".formatted(list(names))
              : "is an archive without an ONNX model (%s); give one that holds a .onnx file and its tokenizer.json"
                  .formatted(names.isEmpty() ? "it is empty" : "it holds " + list(names)));
    }
    if (models.size() > 1) {
      throw new CheckpointException(
          file,
          "holds %d models: %s; unpack it and give one of them"
              .formatted(models.size(), list(models)));
    }
    return models.getFirst();
  }

  private static String list(List<String> names) {
    var shown = String.join(", ", names.stream().limit(SHOWN).toList());
    return names.size() > SHOWN ? shown + " and %d more".formatted(names.size() - SHOWN) : shown;
  }

  private String tokenizer(String model) {
    var all = names.stream().filter(name -> name.endsWith("tokenizer.json")).sorted().toList();
    var beside = beside(model, "tokenizer.json");
    if (beside.isEmpty() && all.size() != 1) {
      throw new CheckpointException(
          file,
          all.isEmpty()
              ? "holds %s but no tokenizer.json; unpack the model and put its tokenizer.json beside it"
                  .formatted(model)
              : "holds several tokenizers (%s), none of them beside %s; unpack the model and put its own beside it as tokenizer.json"
                  .formatted(list(all), model));
    }
    return beside.orElseGet(all::getFirst);
  }

  /** A file in the same folder of the archive, perhaps with the model's name in front. */
  private Optional<String> beside(String model, String name) {
    var stem = model.substring(0, model.length() - ".onnx".length());
    var folder = model.substring(0, model.lastIndexOf('/') + 1);
    return List.of(stem + "-" + name, folder + name).stream().filter(names::contains).findFirst();
  }

  private Optional<JsonNode> config(String model, Arena arena) throws IOException {
    var name = beside(model, "config.json");
    if (name.isEmpty()) {
      return Optional.empty();
    }
    var problems = new ArrayList<String>();
    var bytes = inflate(name.get(), MAX_TEXT, arena).toArray(ValueLayout.JAVA_BYTE);
    var json = ConfigJson.parse(name.get(), bytes, problems);
    if (!problems.isEmpty()) {
      throw new CheckpointException(file, problems);
    }
    return json;
  }

  private String text(String name, MemorySegment bytes) {
    try {
      var buffer = ByteBuffer.wrap(bytes.toArray(ValueLayout.JAVA_BYTE));
      return StandardCharsets.UTF_8.newDecoder().decode(buffer).toString();
    } catch (CharacterCodingException _) {
      throw new CheckpointException(file, name + " is not UTF-8");
    }
  }

  /** The contents of an entry, which may be {@code most} bytes at most. */
  private MemorySegment inflate(String name, long most, Arena arena) throws IOException {
    var entry = zip.getEntry(name);
    long size = entry.getSize();
    long packed = entry.getCompressedSize();
    if (size < 0 || size > most || packed < 0 || size / MAX_RATIO > packed) {
      throw new CheckpointException(
          file,
          "says that %s is %d bytes, packed into %d; such files are not read"
              .formatted(name, size, packed));
    }
    var contents = arena.allocate(Math.max(1, size)).asSlice(0, size);
    var checksum = new CRC32();
    long read = 0;
    try (InputStream in = zip.getInputStream(entry)) {
      var piece = new byte[PIECE];
      for (int n = in.read(piece); n >= 0 && read + n <= size; n = in.read(piece)) {
        MemorySegment.copy(piece, 0, contents, ValueLayout.JAVA_BYTE, read, n);
        checksum.update(piece, 0, n);
        read += n;
      }
    }
    if (read != size || checksum.getValue() != entry.getCrc()) {
      throw new CheckpointException(
          file, "is damaged: %s is not what its checksum says; fetch it again".formatted(name));
    }
    return contents.asReadOnly();
  }
}
