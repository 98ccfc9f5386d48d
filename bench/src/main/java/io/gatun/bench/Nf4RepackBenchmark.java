package io.gatun.bench;

import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.ops.Nf4Repack;
import org.openjdk.jmh.annotations.Benchmark;

/** The codes of a weight of 4096 x 4096 from the order of files to that of the fast paths. */
public class Nf4RepackBenchmark extends WeightBenchmark {
  private Band file;
  private Band tiled;

  /** For JMH. */
  public Nf4RepackBenchmark() {}

  @Override
  void prepare() {
    file = band(Layout.FILE);
    var codes = device().allocate("tiled codes", Layout.TILED.bytes(SIZE, SIZE), arena());
    tiled =
        new Band(
            file.code(),
            file.blockSize(),
            SIZE,
            SIZE,
            file.recordedDtype(),
            Layout.TILED,
            codes,
            file.scales());
  }

  /** All elements. */
  @Benchmark
  public void run(Roofline roofline) {
    Nf4Repack.run(file, tiled);
    roofline.bytes((long) SIZE * SIZE);
  }
}
