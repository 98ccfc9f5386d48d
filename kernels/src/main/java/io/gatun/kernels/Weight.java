package io.gatun.kernels;

/**
 * A matrix that activations are multiplied by: rows are outputs, columns are inputs, as in a linear
 * layer of PyTorch.
 */
public sealed interface Weight permits Matrix, Nf4Matrix {
  /**
   * Number of outputs.
   *
   * @return rows
   */
  int rows();

  /**
   * Number of inputs.
   *
   * @return columns
   */
  int cols();
}
