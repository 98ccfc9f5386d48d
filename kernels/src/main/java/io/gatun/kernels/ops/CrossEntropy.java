package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaKernel;

/** Weighted cross-entropy and its gradient in one pass. C: gatun_cross_entropy. */
public final class CrossEntropy {
  /** The label of a row that carries no loss. */
  public static final int IGNORED = -100;

  private CrossEntropy() {}

  /**
   * With z = logits, or z = softCap * tanh(logits / softCap): rowLoss = weight * (logsumexp(z) -
   * z[label]), and logits become weight * (softmax(z) - onehot(label)) * dz/dlogits. A row labelled
   * {@link #IGNORED} gets loss 0 and gradient 0.
   *
   * @param logits (rows, vocabulary), F32 or BF16; replaced by the gradient
   * @param labels one a row: 0 to vocabulary - 1, or {@link #IGNORED}
   * @param weights (rows, 1), F32
   * @param softCap 0 for none
   * @param rowLoss (rows, 1), F32
   * @throws DeviceException when a label lies outside the vocabulary; logits are then undefined; a
   *     GPU throws at the next download or wait
   */
  public static void run(
      Matrix logits, Ints labels, Matrix weights, float softCap, Matrix rowLoss) {
    Device device = Check.compute("cross_entropy", "logits", logits);
    Check.ints("cross_entropy", "labels", labels, logits.rows(), logits);
    Check.matrix("cross_entropy", "weights", weights, DType.F32, logits.rows(), 1, logits);
    Check.matrix("cross_entropy", "rowLoss", rowLoss, DType.F32, logits.rows(), 1, logits);
    if (!(softCap >= 0)) {
      throw Check.wrong(
          "cross_entropy",
          "the soft cap is %s, must not be negative (logits %s)",
          softCap,
          logits.shape());
    }
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.CROSS_ENTROPY)
              .matrix("logits", logits)
              .pointer("labels", labels.buffer(), labels.offset())
              .matrix("weights", weights)
              .number("softCap", softCap)
              .matrix("rowLoss", rowLoss)
              .badIndex("outside")
              .enqueue(logits.rows());
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.CROSS_ENTROPY,
              c -> c.matrix(logits).ints(labels).matrix(weights).number(softCap).matrix(rowLoss));
    }
  }
}
