package io.gatun.bench.check;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.ops.MatMul;
import io.gatun.kernels.ops.Nf4Dequantize;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/** Operations on 4-bit weights against the bandwidth of memory: targets 3 and 4. */
final class WeightChecks {
  private WeightChecks() {}

  /** Target 3: 4-bit weights with double quantization to bf16. */
  static List<Figure> dequantize(Bench bench) {
    var figures = new ArrayList<Figure>();
    for (int[] full : new int[][] {{14336, 4096}, {28672, 8192}}) {
      int rows = bench.size(full[0]);
      int cols = bench.size(full[1]);
      double bytes = Bench.nf4Bytes(rows, cols) + 2.0 * rows * cols;
      int copies = bench.copies((long) bytes);
      var weights = weights(bench, rows, cols, copies);
      var results =
          IntStream.range(0, copies).mapToObj(_ -> bench.empty(DType.BF16, rows, cols)).toList();
      double[] seconds =
          bench.seconds(
              Ceilings.copy(bench),
              call -> Nf4Dequantize.run(weights.get(call % copies), results.get(call % copies)));
      figures.add(bandwidth(bench, 3, "NF4 dequantize " + rows + "x" + cols, bytes, seconds, 0.90));
    }
    return figures;
  }

  /** Target 4: few rows against a 4-bit weight. */
  static List<Figure> fewRows(Bench bench) {
    var figures = new ArrayList<Figure>();
    int rows = bench.size(28672);
    int cols = bench.size(8192);
    double bytes = Bench.nf4Bytes(rows, cols);
    var large = weights(bench, rows, cols, bench.copies((long) bytes));
    int small = bench.size(14336);
    int smallCols = bench.size(4096);
    double smallBytes = Bench.nf4Bytes(small, smallCols);
    var middle = weights(bench, small, smallCols, bench.copies((long) smallBytes));
    double[] seconds =
        bench.seconds(
            Ceilings.copy(bench),
            product(bench, middle, 1),
            product(bench, large, 1),
            product(bench, large, 8),
            product(bench, large, 16),
            product(bench, large, 32));
    figures.add(
        bandwidth(
            bench,
            4,
            "1 row, NF4 %dx%d".formatted(small, smallCols),
            smallBytes,
            new double[] {seconds[0], seconds[1]},
            0.70));
    var shape = "NF4 %dx%d".formatted(rows, cols);
    figures.add(
        bandwidth(bench, 4, "1 row, " + shape, bytes, new double[] {seconds[0], seconds[2]}, 0.85));
    figures.add(relative("8 rows, " + shape, seconds[3], seconds[2], 1.05));
    figures.add(relative("16 rows, " + shape, seconds[4], seconds[2], 1.15));
    figures.add(
        bandwidth(
            bench, 4, "32 rows, " + shape, bytes, new double[] {seconds[0], seconds[5]}, 0.70));
    return figures;
  }

  private static List<Nf4Matrix> weights(Bench bench, int rows, int cols, int copies) {
    return IntStream.range(0, copies).mapToObj(seed -> bench.nf4(rows, cols, seed)).toList();
  }

  private static IntConsumer product(Bench bench, List<Nf4Matrix> weights, int rows) {
    var first = weights.getFirst();
    Matrix x = bench.bf16(rows, first.cols());
    Matrix y = bench.empty(DType.BF16, rows, first.rows());
    return call -> MatMul.forward(x, weights.get(call % weights.size()), y);
  }

  private static Figure relative(String what, double seconds, double one, double limit) {
    return Figure.of(
        4,
        what,
        Figure.number(seconds * 1e6) + " us",
        seconds / one,
        Bar.atMost(limit),
        "of the time of 1 row");
  }

  private static Figure bandwidth(
      Bench bench, int target, String what, double bytes, double[] seconds, double limit) {
    double ceiling = Ceilings.copyBytes(bench) / seconds[0];
    double rate = bytes / seconds[1];
    return Figure.of(
        target,
        what,
        Figure.number(rate / 1e9) + " GB/s",
        rate / ceiling,
        Bar.atLeast(limit),
        Ceilings.COPY);
  }
}
