package io.gatun.quant.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;

/**
 * A safetensors file, mapped and wholly validated: a 64-bit header length, a JSON header, and
 * tensors that cover the rest of the file without hole or overlap. Immutable, safe for use by
 * several threads if its arena is shared. The file must not be shortened while the arena is open.
 */
public final class Safetensors {
  private static final int PREFIX = 8;
  private static final long MAX_HEADER = 100_000_000;
  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final SafetensorsHeader header;
  private final MemorySegment data;

  private Safetensors(Path file, SafetensorsHeader header, MemorySegment data) {
    this.file = file;
    this.header = header;
    this.data = data;
  }

  /**
   * Maps a file for reading.
   *
   * @param file a .safetensors file
   * @param arena the owner of the mapping
   * @return the validated file
   * @throws CheckpointException naming the rule that the file breaks, or why it cannot be read
   */
  public static Safetensors open(Path file, Arena arena) {
    try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size < PREFIX) {
        throw new CheckpointException(
            file, "a safetensors file has at least 8 bytes, this one has " + size);
      }
      var mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      long length = mapped.get(LENGTH, 0);
      if (length < 0 || length > Math.min(MAX_HEADER, size - PREFIX)) {
        var claims =
            "the header claims %s bytes, the file has %d after its length, and %d are allowed"
                .formatted(Long.toUnsignedString(length), size - PREFIX, MAX_HEADER);
        throw new CheckpointException(file, OtherFile.sentence(file, mapped).orElse(claims));
      }
      var bytes = mapped.asSlice(PREFIX, length).toArray(ValueLayout.JAVA_BYTE);
      var header = SafetensorsHeader.parse(file, bytes, size - PREFIX - length);
      return new Safetensors(file, header, mapped.asSlice(PREFIX + length));
    } catch (IOException e) {
      throw new CheckpointException(file, "cannot be read: " + Sentences.of(e));
    }
  }

  /** {@return the file as it was opened} */
  public Path file() {
    return file;
  }

  /** {@return the strings under {@code __metadata__}, unmodifiable} */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /** {@return the names of the tensors, in the order in which they lie in the file} */
  public Set<String> names() {
    return header.entries().keySet();
  }

  /**
   * A tensor's type and shape.
   *
   * @param name its name
   * @return what the header says
   * @throws CheckpointException if the file has no such tensor
   */
  public TensorInfo info(String name) {
    var entry = entry(name);
    return new TensorInfo(name, entry.type().name(), entry.shape(), entry.end() - entry.begin());
  }

  /**
   * A tensor's element type.
   *
   * @param name its name
   * @return the type
   * @throws CheckpointException if the file has no such tensor
   */
  public TensorType type(String name) {
    return entry(name).type();
  }

  /**
   * A tensor's bytes as they lie in the file.
   *
   * @param name its name
   * @return little-endian, not aligned, read-only
   * @throws CheckpointException if the file has no such tensor
   */
  public MemorySegment bytes(String name) {
    var entry = entry(name);
    return data.asSlice(entry.begin(), entry.end() - entry.begin());
  }

  private SafetensorsHeader.Entry entry(String name) {
    var entry = header.entries().get(name);
    if (entry == null) {
      throw new CheckpointException(file, "has no tensor called " + name);
    }
    return entry;
  }
}
