package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/**
 * Weighted binary cross-entropy of independent classes and its gradient in one pass, for rows that
 * may have several labels. C: gatun_binary_cross_entropy.
 */
public final class BinaryCrossEntropy {
  private static final String OP = "binary_cross_entropy";
  private static final String WRONG_TARGET = OP + ": a target is not from 0 to 1";

  private BinaryCrossEntropy() {}

  /**
   * With z = logits and t = targets: rowLoss = weight * mean over the classes of max(z, 0) - z t +
   * log(1 + exp(-|z|)), and logits become weight / classes * (sigmoid(z) - t). As
   * torch.nn.BCEWithLogitsLoss with its mean taken over the classes of a row.
   *
   * @param logits (rows, classes), F32 or BF16, at least one class; replaced by the gradient
   * @param targets (rows, classes), F32, from 0 to 1
   * @param weights (rows, 1), F32
   * @param rowLoss (rows, 1), F32
   * @throws IllegalArgumentException when shapes, types or devices differ, or there is no class
   * @throws DeviceException when a target is not from 0 to 1; nothing was written then; a GPU
   *     throws at the next download or wait
   */
  public static void run(Matrix logits, Matrix targets, Matrix weights, Matrix rowLoss) {
    Device device = Check.rowLoss(OP, "logits", logits, targets, weights, rowLoss);
    switch (device) {
      case CudaDevice cuda -> {
        cuda.launch(CudaKernel.BINARY_CROSS_ENTROPY_TARGETS)
            .matrix("targets", targets)
            .fault("wrong", WRONG_TARGET)
            .enqueue(CudaGrid.pieces(targets));
        cuda.launch(CudaKernel.BINARY_CROSS_ENTROPY)
            .matrix("logits", logits)
            .matrix("targets", targets)
            .matrix("weights", weights)
            .matrix("rowLoss", rowLoss)
            .fault("wrong", WRONG_TARGET)
            .enqueue(CudaGrid.teams(logits.rows(), logits.cols()));
      }
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.BINARY_CROSS_ENTROPY,
              c -> c.matrix(logits).matrix(targets).matrix(weights).matrix(rowLoss));
    }
  }
}
