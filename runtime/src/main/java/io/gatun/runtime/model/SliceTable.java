package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A table of named slices of one allocation. The table alone tells how much memory a run needs; the
 * same table then cuts the memory.
 */
public final class SliceTable {
  private static final int ALIGNMENT = 64;
  private static final int LINE = 128; // bytes on which rows start that have room beside them

  private final Map<String, Slice> slices = new LinkedHashMap<>();
  private final Map<Long, Slice> roomy = new HashMap<>(); // by offset
  private long bytes;

  /** An empty table. */
  SliceTable() {}

  /**
   * One slice.
   *
   * @param name unique in the table
   * @param dtype element type; integers count as F32
   * @param rows the most rows it will have
   * @param cols columns
   * @param room columns kept free to the right of them
   * @param offset bytes before it
   */
  public record Slice(String name, DType dtype, int rows, int cols, int room, long offset) {
    /**
     * Elements from a row to the next.
     *
     * @return the columns; where there is room, whole lines
     */
    public int stride() {
      int line = LINE / dtype.bytes();
      return room == 0 ? cols : Math.ceilDiv(cols + room, line) * line;
    }

    /**
     * Size.
     *
     * @return bytes
     */
    public long bytes() {
      return Matrix.bytes(dtype, rows, stride());
    }
  }

  /** Adds a slice at the end. */
  void add(String name, DType dtype, int rows, int cols) {
    add(name, dtype, rows, cols, 0);
  }

  /** Adds a slice with so many columns of room beside its own. */
  void add(String name, DType dtype, int rows, int cols, int room) {
    long offset = room == 0 ? bytes : Math.ceilDiv(bytes, LINE) * LINE;
    var slice = new Slice(name, dtype, rows, cols, room, offset);
    if (slices.putIfAbsent(name, slice) != null) {
      throw new IllegalArgumentException("slice " + name + " is in the table twice");
    }
    if (room > 0) {
      roomy.put(offset, slice);
    }
    bytes = Math.ceilDiv(offset + slice.bytes(), ALIGNMENT) * ALIGNMENT;
  }

  /** Adds room for integers. */
  void addInts(String name, int length) {
    add(name, DType.F32, 1, length); // an int is as wide as a float
  }

  /**
   * All slices.
   *
   * @return in the order of memory
   */
  public List<Slice> slices() {
    return List.copyOf(slices.values());
  }

  /**
   * Size of the allocation.
   *
   * @return bytes
   */
  public long bytes() {
    return bytes;
  }

  /** Allocates the whole table. */
  Slab allocate(Device device, String name, Arena arena) {
    return new Slab(this, device.allocate(name, bytes, arena));
  }

  /** The slice that begins at an offset and has room. */
  Optional<Slice> roomy(long offset) {
    return Optional.ofNullable(roomy.get(offset));
  }

  Slice slice(String name) {
    var slice = slices.get(name);
    if (slice == null) {
      throw new IllegalArgumentException("there is no slice " + name);
    }
    return slice;
  }
}
