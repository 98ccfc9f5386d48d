package io.gatun.quant;

import io.gatun.kernels.DType;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.ops.Nf4Quantize.NestedCode;

/** The form in which a frozen weight lies on a device. */
public sealed interface WeightFormat {
  /** Values that share a scale, unless a format says otherwise. */
  int DEFAULT_BLOCK = 64;

  /**
   * 4-bit codes in blocks. A weight that its checkpoint stores in 4 bit keeps its stored bits,
   * whatever this asks for: to quantize it again would only lose.
   *
   * @param code the 16 values
   * @param blockSize values that share a scale: 32, 64 and so on to 4096
   * @param doubleQuant whether the scales are themselves quantized, to 8 bit in blocks of 256
   * @param scaleCodes how the 8-bit codes are chosen
   */
  record FourBit(Code code, int blockSize, boolean doubleQuant, NestedCode scaleCodes)
      implements WeightFormat {
    private static final int SMALLEST = 32;
    private static final int LARGEST = 4096;

    /** Refuses block sizes that bitsandbytes does not have. */
    public FourBit {
      if (Integer.bitCount(blockSize) != 1 || blockSize < SMALLEST || blockSize > LARGEST) {
        throw new IllegalArgumentException(
            "a 4-bit block has 32, 64, 128, 256, 512, 1024, 2048 or 4096 values, not " + blockSize);
      }
    }

    /**
     * With the nearest 8-bit code of each scale.
     *
     * @param code the 16 values
     * @param blockSize values that share a scale
     * @param doubleQuant whether the scales are themselves quantized
     */
    public FourBit(Code code, int blockSize, boolean doubleQuant) {
      this(code, blockSize, doubleQuant, NestedCode.NEAREST);
    }
  }

  /**
   * Plain numbers of one type.
   *
   * @param dtype the type, to which other values are rounded
   */
  record Dense(DType dtype) implements WeightFormat {}

  /**
   * What the checkpoint has, without any rounding: 4-bit codes, F32, F16 or BF16. GGUF blocks have
   * no such form on a device and are refused.
   */
  record AsStored() implements WeightFormat {}

  /** {@return 4-bit normal float with double quantization} */
  static WeightFormat nf4() {
    return nf4(true);
  }

  /**
   * 4-bit normal float.
   *
   * @param doubleQuant whether scales are quantized too
   * @return the format, in blocks of 64
   */
  static WeightFormat nf4(boolean doubleQuant) {
    return new FourBit(Code.NF4, DEFAULT_BLOCK, doubleQuant);
  }

  /**
   * 4-bit float.
   *
   * @param doubleQuant whether scales are quantized too
   * @return the format, in blocks of 64
   */
  static WeightFormat fp4(boolean doubleQuant) {
    return new FourBit(Code.FP4, DEFAULT_BLOCK, doubleQuant);
  }

  /** {@return bf16} */
  static WeightFormat bf16() {
    return new Dense(DType.BF16);
  }

  /** {@return IEEE half} */
  static WeightFormat f16() {
    return new Dense(DType.F16);
  }

  /** {@return fp32} */
  static WeightFormat f32() {
    return new Dense(DType.F32);
  }

  /** {@return what the checkpoint has} */
  static WeightFormat asStored() {
    return new AsStored();
  }
}
