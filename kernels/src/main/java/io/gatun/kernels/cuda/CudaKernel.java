package io.gatun.kernels.cuda;

import java.util.Locale;

/**
 * The kernels of {@code native/cuda}: each constant is a kernel of that name, in the file of its
 * stem.
 */
public enum CudaKernel {
  /** to = from, other element type. */
  CAST("cast"),
  /** ySum += x. */
  ADD("add");

  private final String stem;

  CudaKernel(String stem) {
    this.stem = stem;
  }

  /** Name of the source file, without its ending. */
  String stem() {
    return stem;
  }

  /** Name of the kernel in its file. */
  String function() {
    return name().toLowerCase(Locale.ROOT);
  }
}
