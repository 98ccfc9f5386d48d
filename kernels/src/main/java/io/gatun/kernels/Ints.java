package io.gatun.kernels;

import java.lang.foreign.Arena;
import java.util.Objects;

/**
 * A view of a buffer as 32-bit integers: token ids, labels, row numbers.
 *
 * @param buffer the memory
 * @param offset bytes before the first; a multiple of 4
 * @param length how many
 */
public record Ints(Buffer buffer, long offset, int length) {
  /** Refuses a view that is not wholly inside the buffer. */
  public Ints {
    if (length < 0
        || offset < 0
        || offset % Integer.BYTES != 0
        || offset > buffer.bytes()
        || length > (buffer.bytes() - offset) / Integer.BYTES) {
      throw new IllegalArgumentException(
          "%d integers at byte %d do not fit in the %d bytes of buffer %s, or do not lie on a multiple of 4"
              .formatted(length, offset, buffer.bytes(), buffer.name()));
    }
  }

  /**
   * New zeroed integers in a buffer of their own.
   *
   * @param device where
   * @param name name of the buffer
   * @param length how many
   * @param arena frees the buffer when it closes
   * @return the integers
   */
  public static Ints allocate(Device device, String name, int length, Arena arena) {
    if (length < 0) {
      throw new IllegalArgumentException("%s cannot have %d integers".formatted(name, length));
    }
    return new Ints(device.allocate(name, (long) length * Integer.BYTES, arena), 0, length);
  }

  /**
   * Some of them.
   *
   * @param first the first
   * @param count how many
   * @return a view of the same memory
   */
  public Ints slice(int first, int count) {
    Objects.checkFromIndexSize(first, count, length);
    return new Ints(buffer, offset + (long) first * Integer.BYTES, count);
  }
}
