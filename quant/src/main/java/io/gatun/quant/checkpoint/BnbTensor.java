package io.gatun.quant.checkpoint;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Nf4Matrix.Code;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A 4-bit weight as a bitsandbytes checkpoint stores it, in host memory. Blocks run over the rows
 * one after the other; two codes a byte, the first in the high half.
 *
 * @param code what the 16 codes stand for
 * @param blockSize values that share a scale
 * @param rows outputs
 * @param cols inputs
 * @param recordedDtype the type the weight had before, to which a decoded value is rounded
 * @param codes rows * cols / 2 bytes, rounded up
 * @param scales one scale a block
 */
public record BnbTensor(
    Code code,
    int blockSize,
    int rows,
    int cols,
    DType recordedDtype,
    MemorySegment codes,
    Scales scales) {
  /** Scales that share one scale of their own. */
  public static final int NESTED_BLOCK = 256;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The scales of the blocks. */
  public sealed interface Scales {
    /**
     * The largest magnitude of each block.
     *
     * @param absmax F32, one a block
     */
    record Plain(MemorySegment absmax) implements Scales {}

    /**
     * Double quantization: a scale is map[code] * absmax[block / 256] + offset, where map is the
     * signed dynamic map.
     *
     * @param codes one byte a block
     * @param absmax F32, one for 256 blocks
     * @param offset added to each
     */
    record Nested(MemorySegment codes, MemorySegment absmax, float offset) implements Scales {}

    /** The bytes of all scales together. */
    private long bytes() {
      return switch (this) {
        case Plain p -> p.absmax().byteSize();
        case Nested n -> n.codes().byteSize() + n.absmax().byteSize();
      };
    }
  }

  /**
   * The number of blocks of so many elements.
   *
   * @param elements elements
   * @param blockSize elements of a block
   * @return elements / blockSize, rounded up
   */
  static long blocks(long elements, int blockSize) {
    return Math.ceilDiv(elements, blockSize);
  }

  /**
   * The bytes of codes and scales.
   *
   * @return bytes, without the tables and the state that the file holds besides
   */
  public long bytes() {
    return codes.byteSize() + scales.bytes();
  }

  /** Decodes some rows to fp32: code * scale, rounded to fp32, then to the recorded type. */
  void read(int first, int count, MemorySegment to) {
    var table = CodeTables.of(code);
    var map = CodeTables.signedDynamic();
    long start = (long) first * cols;
    long end = start + (long) count * cols;
    for (long block = start / blockSize; block * blockSize < end; block++) {
      float scale = scale(block, map);
      long from = Math.max(start, block * blockSize);
      long until = Math.min(end, (block + 1) * blockSize);
      for (long i = from; i < until; i++) {
        int pair = codes.get(ValueLayout.JAVA_BYTE, i / 2);
        float value = table[(i % 2 == 0 ? pair >> 4 : pair) & 15] * scale;
        to.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i - start, rounded(value));
      }
    }
  }

  private float scale(long block, float[] map) {
    return switch (scales) {
      case Scales.Plain p -> p.absmax().getAtIndex(FLOAT, block);
      case Scales.Nested n -> {
        int code = n.codes().get(ValueLayout.JAVA_BYTE, block) & 255;
        yield map[code] * n.absmax().getAtIndex(FLOAT, block / NESTED_BLOCK) + n.offset();
      }
    };
  }

  private float rounded(float value) {
    return switch (recordedDtype) {
      case F32 -> value;
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      case BF16 -> Float.intBitsToFloat(HostCopy.bf16(value) << 16);
    };
  }
}
