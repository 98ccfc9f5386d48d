package io.gatun.kernels.ops;

import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaKernel;
import io.gatun.kernels.ops.AttentionLaunch.Block;
import java.util.Optional;

/**
 * Attention's kernels with the products of a Hopper GPU, where there are some: the rows or keys of
 * a block, and its shared memory. It holds tiles whose address is a multiple of 1024.
 */
enum AttentionHopper {
  HEAD_64(
      64,
      CudaKernel.ATTENTION_HOPPER_64,
      CudaKernel.ATTENTION_HOPPER_DQ_64,
      CudaKernel.ATTENTION_HOPPER_DKV_64),
  HEAD_128(
      128,
      CudaKernel.ATTENTION_HOPPER_128,
      CudaKernel.ATTENTION_HOPPER_DQ_128,
      CudaKernel.ATTENTION_HOPPER_DKV_128);

  private static final int ROWS = 128;

  final Block forward;
  final Block dq;
  final Block dkv;

  /** Blocks of 128 rows or keys; what passes by lies in memory two or three times. */
  AttentionHopper(int columns, CudaKernel forward, CudaKernel dq, CudaKernel dkv) {
    int row = 2 * columns;
    this.forward = new Block(forward, ROWS, 1024 + (ROWS + 4 * 128) * row);
    this.dq = new Block(dq, ROWS, 1024 + (2 * ROWS + 6 * 64) * row);
    this.dkv = new Block(dkv, ROWS, 1024 + (2 * ROWS + 6 * 64) * row + 3 * 64 * 8);
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
