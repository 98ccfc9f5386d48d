package io.gatun.bench.check;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.MatMul;
import java.util.List;
import java.util.function.IntConsumer;

/** What the machine can do at best: a large product of bf16 matrices, and a copy on the device. */
final class Ceilings {
  static final String PRODUCT = "of the 8192^3 bf16 product";
  static final String COPY = "of a copy on the device";

  private Ceilings() {}

  /** 8192 x 8192 times 8192 x 8192. */
  static IntConsumer product(Bench bench) {
    int size = bench.size(8192);
    Matrix x = bench.bf16(size, size);
    Matrix w = bench.bf16(size, size);
    Matrix y = bench.empty(DType.BF16, size, size);
    return _ -> MatMul.forward(x, w, y);
  }

  static double productFlops(Bench bench) {
    return 2 * Math.pow(bench.size(8192), 3);
  }

  /** Half a gigabyte from buffer to buffer. */
  static IntConsumer copy(Bench bench) {
    long bytes = copyBytes(bench) / 2;
    var from = bench.device().allocate("copy source", bytes, bench.arena());
    var to = bench.device().allocate("copy target", bytes, bench.arena());
    return _ -> bench.device().copy(from, 0, to, 0, bytes);
  }

  /** Read and written. */
  static long copyBytes(Bench bench) {
    return 2L * bench.count(512, 1) << 20;
  }

  static List<Figure> measureProduct(Bench bench) {
    double seconds = bench.seconds(product(bench))[0];
    return List.of(
        Figure.plain(
            0,
            "ceiling: %1$d x %1$d x %1$d bf16 product".formatted(bench.size(8192)),
            Figure.number(productFlops(bench) / seconds / 1e12) + " TFLOP/s",
            "MatMul, which on a GPU is cuBLASLt"));
  }

  static List<Figure> measureCopy(Bench bench) {
    double seconds = bench.seconds(copy(bench))[0];
    return List.of(
        Figure.plain(
            0,
            "ceiling: device copy, read and written",
            Figure.number(copyBytes(bench) / seconds / 1e9) + " GB/s",
            "%d MiB".formatted(copyBytes(bench) / 2 >> 20)));
  }
}
