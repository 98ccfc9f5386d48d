package io.gatun.kernels.ops;

import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaKernel;
import java.util.Optional;

/**
 * Attention's kernels with the products of a Hopper GPU, where there are some: the rows or keys of
 * a block, and its shared memory. It holds tiles whose address is a multiple of 1024.
 */
enum AttentionHopper {
  HEAD_64(new AttentionLaunch.Block(CudaKernel.ATTENTION_HOPPER_64, 128, 1024 + 5 * 128 * 64 * 2)),
  HEAD_128(
      new AttentionLaunch.Block(CudaKernel.ATTENTION_HOPPER_128, 128, 1024 + 5 * 128 * 128 * 2));

  final AttentionLaunch.Block forward;

  AttentionHopper(AttentionLaunch.Block forward) {
    this.forward = forward;
  }

  static Optional<AttentionHopper> of(CudaDevice cuda, AttentionLaunch.Tiles tiles) {
    if (!cuda.isHopper()) {
      return Optional.empty();
    }
    return switch (tiles) {
      case HEAD_64 -> Optional.of(HEAD_64);
      case HEAD_128 -> Optional.of(HEAD_128);
      default -> Optional.empty();
    };
  }
}
