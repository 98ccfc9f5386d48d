package io.gatun.kernels;

/**
 * A function of one number, applied to each: between two dense layers, or in front of the product
 * of a gated linear unit.
 */
public enum Activation {
  /** x * sigmoid(x). */
  SILU,
  /** x / 2 * (1 + erf(x / sqrt(2))). */
  GELU,
  /** x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))). */
  GELU_TANH,
  /** max(x, 0); its slope at 0 is 0. */
  RELU,
  /** tanh(x). */
  TANH
}
