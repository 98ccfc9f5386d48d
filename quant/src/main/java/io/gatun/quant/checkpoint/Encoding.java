package io.gatun.quant.checkpoint;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * How stored bytes stand for fp32 values: plain elements, and the blocks of GGUF. Every decoder
 * works on whole blocks, in fp32, in the order that the formats state: products before sums, one
 * rounding each (Java never fuses them).
 */
enum Encoding {
  F32(0, 1, 4) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      for (int i = 0; i < count; i++) {
        out[to + i] = (float) FLOATS.get(in, at + 4 * i);
      }
    }
  },
  F16(1, 1, 2) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      for (int i = 0; i < count; i++) {
        out[to + i] = half(in, at + 2 * i);
      }
    }
  },
  Q4_0(2, 32, 18) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      LegacyBlocks.q4(in, at, out, to, count / 32, false);
    }
  },
  Q4_1(3, 32, 20) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      LegacyBlocks.q4(in, at, out, to, count / 32, true);
    }
  },
  Q5_0(6, 32, 22) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      LegacyBlocks.q5(in, at, out, to, count / 32, false);
    }
  },
  Q5_1(7, 32, 24) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      LegacyBlocks.q5(in, at, out, to, count / 32, true);
    }
  },
  Q8_0(8, 32, 34) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      LegacyBlocks.q8(in, at, out, to, count / 32);
    }
  },
  Q4_K(12, 256, 144) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      SuperBlocks.q4(in, at, out, to, count / 256);
    }
  },
  Q5_K(13, 256, 176) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      SuperBlocks.q5(in, at, out, to, count / 256);
    }
  },
  Q6_K(14, 256, 210) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      SuperBlocks.q6(in, at, out, to, count / 256);
    }
  },
  BF16(30, 1, 2) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      for (int i = 0; i < count; i++) {
        out[to + i] = Float.intBitsToFloat((short) SHORTS.get(in, at + 2 * i) << 16);
      }
    }
  },
  /** In safetensors only. */
  F64(-1, 1, 8) {
    @Override
    void decode(byte[] in, int at, float[] out, int to, int count) {
      for (int i = 0; i < count; i++) {
        out[to + i] = (float) (double) DOUBLES.get(in, at + 8 * i);
      }
    }
  };

  private static final VarHandle SHORTS = littleEndian(short[].class);
  private static final VarHandle FLOATS = littleEndian(float[].class);
  private static final VarHandle DOUBLES = littleEndian(double[].class);

  /** The type's number in a GGUF file; -1 if GGUF files do not have it here. */
  final int ggufId;

  /** The elements of a block. */
  final int block;

  /** The bytes of a block. */
  final int bytes;

  Encoding(int ggufId, int block, int bytes) {
    this.ggufId = ggufId;
    this.block = block;
    this.bytes = bytes;
  }

  /**
   * Decodes blocks.
   *
   * @param at the first byte of the first block
   * @param to where the first value goes
   * @param count values, a multiple of the block
   */
  abstract void decode(byte[] in, int at, float[] out, int to, int count);

  /** The bytes of so many elements, a multiple of the block. */
  long bytes(long elements) {
    return Math.multiplyExact(elements / block, bytes);
  }

  /** True if an element is a number by itself. */
  boolean isPlain() {
    return block == 1;
  }

  /** The encoding of a safetensors type that stands for real numbers. */
  static Optional<Encoding> of(TensorType type) {
    return switch (type) {
      case F16 -> Optional.of(F16);
      case BF16 -> Optional.of(BF16);
      case F32 -> Optional.of(F32);
      case F64 -> Optional.of(F64);
      default -> Optional.empty();
    };
  }

  /** The encoding of a GGUF type that is read here. */
  static Optional<Encoding> ofGguf(int id) {
    for (var encoding : values()) {
      if (encoding.ggufId == id && id >= 0) {
        return Optional.of(encoding);
      }
    }
    return Optional.empty();
  }

  /** The IEEE half at a byte. */
  static float half(byte[] in, int at) {
    return Float.float16ToFloat((short) SHORTS.get(in, at));
  }

  private static VarHandle littleEndian(Class<?> array) {
    return MethodHandles.byteArrayViewVarHandle(array, ByteOrder.LITTLE_ENDIAN)
        .withInvokeExactBehavior();
  }
}
