package io.gatun.quant.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * A model's files as one set of tensors under Hugging Face names, whichever files they are: a
 * folder with one or several safetensors files (bitsandbytes 4-bit layers inside are one tensor
 * each), a single safetensors file, a GGUF file (names mapped, the rows of q and k in Hugging
 * Face's order, Gemma's norms less 1), or a BERT model as an ONNX file (dense weights turned back),
 * also inside a .jar or .zip. Everything but the contents of an archive is mapped, nothing else is
 * copied; immutable, and safe for use by several threads if its arena is shared.
 */
public final class Checkpoint {
  private final Path path;
  private final Map<String, TensorSource> tensors;
  private final Optional<JsonNode> config;
  private final TokenizerSource tokenizer;

  Checkpoint(
      Path path,
      Map<String, TensorSource> tensors,
      Optional<JsonNode> config,
      TokenizerSource tokenizer) {
    this.path = path;
    this.tensors = Collections.unmodifiableMap(tensors);
    this.config = config;
    this.tokenizer = tokenizer;
  }

  /**
   * Opens and validates a model.
   *
   * @param fileOrFolder a Hugging Face folder, a .safetensors, .gguf or .onnx file, or a .jar or
   *     .zip that holds one .onnx file and its tokenizer.json
   * @param arena owns what is mapped and inflated; a shared arena lets large tensors be decoded in
   *     parallel
   * @return the checkpoint
   * @throws CheckpointException with everything that is wrong with it
   */
  public static Checkpoint open(Path fileOrFolder, Arena arena) {
    if (Files.isDirectory(fileOrFolder)) {
      return FolderReader.folder(fileOrFolder, arena);
    }
    return switch (kind(fileOrFolder)) {
      case GGUF -> GgufModel.read(Gguf.open(fileOrFolder, arena));
      case SAFETENSORS -> FolderReader.file(fileOrFolder, arena);
      case ONNX -> OnnxModel.file(fileOrFolder, arena);
      case ARCHIVE -> ModelArchive.open(fileOrFolder, arena);
      case PICKLE -> throw new CheckpointException(fileOrFolder, FolderReader.PICKLE);
    };
  }

  private enum Kind {
    GGUF,
    SAFETENSORS,
    ONNX,
    ARCHIVE,
    PICKLE
  }

  /** A file by its first bytes; safetensors has no magic number and is what remains. */
  private static Kind kind(Path file) {
    try (var in = Files.newInputStream(file)) {
      var first = new String(in.readNBytes(Long.BYTES), StandardCharsets.ISO_8859_1);
      if (first.startsWith("GGUF")) {
        return Kind.GGUF;
      }
      if (first.startsWith("PK\3\4") || first.startsWith("PK\5\6")) {
        return Kind.ARCHIVE;
      }
      if (first.startsWith("\u0080\2")) {
        return Kind.PICKLE;
      }
      return isOnnx(first) || file.toString().endsWith(".onnx") ? Kind.ONNX : Kind.SAFETENSORS;
    } catch (IOException e) {
      throw new CheckpointException(file, "cannot be read: " + Sentences.of(e));
    }
  }

  /** A small version, then a name or the graph; as a length of a header, it would be terabytes. */
  private static boolean isOnnx(String first) {
    return first.matches("(?s)\\x08[\\x01-\\x1f][\\x12\\x1a\\x3a\\x42].{3}[^\\x00].");
  }

  /**
   * Where it was opened.
   *
   * @return the file or folder
   */
  public Path path() {
    return path;
  }

  /**
   * The Hugging Face names of the tensors. A name that a GGUF file has and Hugging Face has not,
   * such as {@code rope_freqs.weight}, stands as it is.
   *
   * @return names, unmodifiable
   */
  public Set<String> names() {
    return tensors.keySet();
  }

  /**
   * The same tensors, some under other names.
   *
   * @param others other names by those of this checkpoint
   * @return a view of the same files
   * @throws CheckpointException if two tensors would have one name
   */
  public Checkpoint renamed(Map<String, String> others) {
    var renamed = new LinkedHashMap<String, TensorSource>();
    tensors.forEach((name, source) -> {
      var other = others.getOrDefault(name, name);
      if (renamed.putIfAbsent(other, source) != null) {
        throw new CheckpointException(path, "two tensors are called " + other);
      }
    });
    return new Checkpoint(path, renamed, config, tokenizer);
  }

  /**
   * A tensor's type and shape.
   *
   * @param name its name
   * @return what the files say
   * @throws CheckpointException if there is no such tensor
   */
  public TensorInfo info(String name) {
    return source(name).info();
  }

  /**
   * Decodes rows to fp32: exact from F32, F16 and BF16; F64 rounded; GGUF blocks and 4-bit layers
   * as their formats say.
   *
   * @param name its name
   * @param firstRow the first row; rows are those of {@link TensorInfo#rows}
   * @param rowCount how many
   * @param to receives rowCount * cols values at its start
   * @throws CheckpointException if there is no such tensor, or its values are not real numbers
   */
  public void readFloats(String name, int firstRow, int rowCount, MemorySegment to) {
    var info = info(name);
    Objects.checkFromIndexSize(firstRow, rowCount, info.rows());
    Objects.checkFromIndexSize(0, (long) rowCount * info.cols() * Float.BYTES, to.byteSize());
    switch (source(name)) {
      case TensorSource.Rows rows -> rows.decoder().read(firstRow, rowCount, to);
      case TensorSource.Turned turned -> turned.rows().read(firstRow, rowCount, to);
      case TensorSource.FourBit bits -> bits.tensor().read(firstRow, rowCount, to);
      case TensorSource.Opaque _ ->
          throw new CheckpointException(
              path, "tensor %s is %s, not real numbers".formatted(name, info.dtype()));
    }
  }

  /**
   * Decodes a whole tensor, for code that does not handle native memory; as the other method.
   *
   * @param name its name
   * @return rows * cols values
   * @throws CheckpointException as the other method
   */
  public float[] readFloats(String name) {
    var values = new float[Math.toIntExact(info(name).elements())];
    readFloats(name, 0, info(name).rows(), MemorySegment.ofArray(values));
    return values;
  }

  /**
   * A tensor's bytes, where they are its values in order: little-endian, not aligned, read-only.
   *
   * @param name its name
   * @return the bytes; empty if the values have to be decoded or put in order first
   * @throws CheckpointException if there is no such tensor
   */
  public Optional<MemorySegment> raw(String name) {
    return switch (source(name)) {
      case TensorSource.Opaque opaque -> Optional.of(opaque.bytes());
      case TensorSource.FourBit _, TensorSource.Turned _ -> Optional.empty();
      case TensorSource.Rows rows -> rows.decoder().raw();
    };
  }

  /**
   * A tensor's codes and scales, if it is a bitsandbytes 4-bit weight.
   *
   * @param name its name
   * @return the stored weight, or empty
   * @throws CheckpointException if there is no such tensor
   */
  public Optional<BnbTensor> fourBit(String name) {
    return source(name) instanceof TensorSource.FourBit bits
        ? Optional.of(bits.tensor())
        : Optional.empty();
  }

  /**
   * The contents of config.json; of a GGUF file its metadata, and of an ONNX file without one what
   * its graph says, under config.json's keys.
   *
   * @return a JSON object, a copy
   * @throws CheckpointException if there is no config.json
   */
  public JsonNode config() {
    return config
        .map(JsonNode::deepCopy)
        .orElseThrow(() -> new CheckpointException(path, "has no config.json beside its tensors"));
  }

  /**
   * Where its tokenizer is.
   *
   * @return a folder, a GGUF file's metadata, or a text from an archive
   */
  public TokenizerSource tokenizer() {
    return tokenizer;
  }

  private TensorSource source(String name) {
    var source = tensors.get(name);
    if (source == null) {
      throw new CheckpointException(path, "has no tensor called " + name);
    }
    return source;
  }
}
