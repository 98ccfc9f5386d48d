package io.gatun.kernels;

/** The function in front of the product of a gated linear unit. */
public enum Activation {
  /** x * sigmoid(x). */
  SILU,
  /** x / 2 * (1 + erf(x / sqrt(2))). */
  GELU,
  /** x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))). */
  GELU_TANH
}
