package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A table of named slices of one allocation. The table alone tells how much memory a run needs; the
 * same table then cuts the memory.
 */
public final class SliceTable {
  private static final int ALIGNMENT = 64;

  private final Map<String, Slice> slices = new LinkedHashMap<>();
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
   * @param offset bytes before it
   */
  public record Slice(String name, DType dtype, int rows, int cols, long offset) {
    /**
     * Size.
     *
     * @return bytes
     */
    public long bytes() {
      return Matrix.bytes(dtype, rows, cols);
    }
  }

  /** Adds a slice at the end. */
  void add(String name, DType dtype, int rows, int cols) {
    var slice = new Slice(name, dtype, rows, cols, bytes);
    if (slices.putIfAbsent(name, slice) != null) {
      throw new IllegalArgumentException("slice " + name + " is in the table twice");
    }
    bytes = Math.ceilDiv(bytes + slice.bytes(), ALIGNMENT) * ALIGNMENT;
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

  Slice slice(String name) {
    var slice = slices.get(name);
    if (slice == null) {
      throw new IllegalArgumentException("there is no slice " + name);
    }
    return slice;
  }
}
