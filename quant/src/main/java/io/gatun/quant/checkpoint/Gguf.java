package io.gatun.quant.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;

/**
 * A GGUF file (version 2 or 3), mapped and validated: typed metadata, and tensors under their
 * stored names with dimensions in torch's order. {@link Checkpoint} gives the same file under
 * Hugging Face names. Immutable, safe for use by several threads if its arena is shared. The file
 * must not be shortened while the arena is open.
 */
public final class Gguf {
  private final Path file;
  private final GgufHeader header;
  private final MemorySegment data;

  private Gguf(Path file, GgufHeader header, MemorySegment data) {
    this.file = file;
    this.header = header;
    this.data = data;
  }

  /**
   * Maps a file for reading.
   *
   * @param file a .gguf file
   * @param arena the owner of the mapping
   * @return the validated file
   * @throws CheckpointException naming what is malformed, or why the file cannot be read
   */
  public static Gguf open(Path file, Arena arena) {
    try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
      var mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      var header = GgufHeader.parse(file, mapped);
      return new Gguf(file, header, mapped.asSlice(header.dataStart()));
    } catch (IOException e) {
      throw new CheckpointException(file, "cannot be read: " + Sentences.of(e));
    }
  }

  /** {@return the file as it was opened} */
  public Path file() {
    return file;
  }

  /** {@return the keys of the metadata, in file order} */
  public Set<String> keys() {
    return header.metadata().keySet();
  }

  /**
   * A string of the metadata.
   *
   * @param key its key
   * @return the string, or empty if the key is absent
   * @throws CheckpointException if it is something else
   */
  public Optional<String> string(String key) {
    return switch (header.metadata().get(key)) {
      case null -> Optional.empty();
      case GgufValue.Text(var value) -> Optional.of(value);
      case GgufValue other -> throw mismatch(key, "a string", other);
    };
  }

  /**
   * An integer of any width.
   *
   * @param key its key
   * @return the integer, or empty if the key is absent
   * @throws CheckpointException if it is something else
   */
  public OptionalLong integer(String key) {
    return switch (header.metadata().get(key)) {
      case null -> OptionalLong.empty();
      case GgufValue.Whole(var value) -> OptionalLong.of(value);
      case GgufValue other -> throw mismatch(key, "an integer", other);
    };
  }

  /**
   * A number.
   *
   * @param key its key
   * @return an fp32 as the shortest decimal that stands for it; empty if the key is absent
   * @throws CheckpointException if it is something else
   */
  public OptionalDouble number(String key) {
    return switch (header.metadata().get(key)) {
      case null -> OptionalDouble.empty();
      case GgufValue.Real(var value) -> OptionalDouble.of(value);
      case GgufValue.Whole(var value) -> OptionalDouble.of(value);
      case GgufValue other -> throw mismatch(key, "a number", other);
    };
  }

  /**
   * A truth value.
   *
   * @param key its key
   * @return the value, or empty if the key is absent
   * @throws CheckpointException if it is something else
   */
  public Optional<Boolean> flag(String key) {
    return switch (header.metadata().get(key)) {
      case null -> Optional.empty();
      case GgufValue.Flag(var value) -> Optional.of(value);
      case GgufValue other -> throw mismatch(key, "a truth value", other);
    };
  }

  /**
   * A list of strings.
   *
   * @param key its key
   * @return unmodifiable; empty if the key is absent
   * @throws CheckpointException if it is something else
   */
  public List<String> strings(String key) {
    return switch (header.metadata().get(key)) {
      case null -> List.of();
      case GgufValue.Texts(var values) -> values;
      case GgufValue other -> throw mismatch(key, "a list of strings", other);
    };
  }

  /**
   * A list of integers; truth values are 0 and 1.
   *
   * @param key its key
   * @return a copy; empty if the key is absent
   * @throws CheckpointException if it is something else
   */
  public long[] integers(String key) {
    return switch (header.metadata().get(key)) {
      case null -> new long[0];
      case GgufValue.Wholes(var values) -> values.clone();
      case GgufValue other -> throw mismatch(key, "a list of integers", other);
    };
  }

  /**
   * A list of real numbers.
   *
   * @param key its key
   * @return a copy; empty if the key is absent
   * @throws CheckpointException if it is something else
   */
  public double[] numbers(String key) {
    return switch (header.metadata().get(key)) {
      case null -> new double[0];
      case GgufValue.Reals(var values) -> values.clone();
      case GgufValue other -> throw mismatch(key, "a list of real numbers", other);
    };
  }

  /** {@return the stored names of the tensors, in file order} */
  public Set<String> names() {
    return header.tensors().keySet();
  }

  /**
   * A tensor's type and shape.
   *
   * @param name its stored name
   * @return what the header says, the slowest dimension first
   * @throws CheckpointException if the file has no such tensor
   */
  public TensorInfo info(String name) {
    var tensor = tensor(name);
    return new TensorInfo(name, tensor.encoding().name(), tensor.shape(), tensor.bytes());
  }

  /**
   * A tensor's bytes as they lie in the file.
   *
   * @param name its stored name
   * @return read-only
   * @throws CheckpointException if the file has no such tensor
   */
  public MemorySegment bytes(String name) {
    var tensor = tensor(name);
    return data.asSlice(tensor.offset(), tensor.bytes());
  }

  /**
   * All values of a tensor, decoded.
   *
   * @param name its stored name
   * @return row after row
   * @throws CheckpointException if the file has no such tensor
   */
  public float[] readFloats(String name) {
    var info = info(name);
    var values = new float[Math.toIntExact(info.elements())];
    decoder(name, new RowOrder.Stored(), 0).read(0, info.rows(), MemorySegment.ofArray(values));
    return values;
  }

  RowDecoder decoder(String name, RowOrder order, float shift) {
    return new RowDecoder(bytes(name), tensor(name).encoding(), info(name).cols(), order, shift);
  }

  private GgufHeader.Tensor tensor(String name) {
    var tensor = header.tensors().get(name);
    if (tensor == null) {
      throw new CheckpointException(file, "has no tensor called " + name);
    }
    return tensor;
  }

  private CheckpointException mismatch(String key, String wanted, GgufValue found) {
    return new CheckpointException(file, key + " is " + found.kind() + ", not " + wanted);
  }
}
