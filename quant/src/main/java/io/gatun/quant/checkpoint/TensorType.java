package io.gatun.quant.checkpoint;

import java.util.Optional;

/** The element types of a safetensors file, in the order by which a writer sorts its tensors. */
public enum TensorType {
  /** A truth value, one byte. */
  BOOL(8),
  /** Real, 4 bits. */
  F4(4),
  /** Real, 2 bits of exponent and 3 of fraction. */
  F6_E2M3(6),
  /** Real, 3 bits of exponent and 2 of fraction. */
  F6_E3M2(6),
  /** Unsigned. */
  U8(8),
  /** Signed. */
  I8(8),
  /** Real, 5 bits of exponent and 2 of fraction. */
  F8_E5M2(8),
  /** Real, 4 bits of exponent and 3 of fraction. */
  F8_E4M3(8),
  /** A power of two. */
  F8_E8M0(8),
  /** Real, 4 bits of exponent and 3 of fraction, one zero, no infinity. */
  F8_E4M3FNUZ(8),
  /** Real, 5 bits of exponent and 2 of fraction, one zero, no infinity. */
  F8_E5M2FNUZ(8),
  /** Signed. */
  I16(16),
  /** Unsigned. */
  U16(16),
  /** IEEE half. */
  F16(16),
  /** The upper half of an IEEE single. */
  BF16(16),
  /** Signed. */
  I32(32),
  /** Unsigned. */
  U32(32),
  /** IEEE single. */
  F32(32),
  /** Complex, two IEEE singles. */
  C64(64),
  /** IEEE double. */
  F64(64),
  /** Signed. */
  I64(64),
  /** Unsigned. */
  U64(64);

  private final int bits;

  TensorType(int bits) {
    this.bits = bits;
  }

  /** {@return the bits of one element} */
  public int bits() {
    return bits;
  }

  /** The type of this name, if there is one. */
  static Optional<TensorType> named(String name) {
    for (var type : values()) {
      if (type.name().equals(name)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }
}
