package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.AdamW;
import org.openjdk.jmh.annotations.Benchmark;

/** 4 million parameters; the activations' type plays no part. */
public class AdamWBenchmark extends OpBenchmark {
  private static final AdamW.Hyper HYPER = new AdamW.Hyper(1e-4, 0.9, 0.999, 1e-8, 0.01);

  private Matrix p;
  private Matrix g;
  private Matrix m;
  private Matrix v;

  @Override
  void prepare() {
    p = random("p", DType.F32, 1, 1 << 22);
    g = random("g", DType.F32, 1, 1 << 22);
    m = random("m", DType.F32, 1, 1 << 22);
    v = random("v", DType.F32, 1, 1 << 22);
    HostCopy.write(v, new float[1 << 22]);
  }

  /** One step. */
  @Benchmark
  public void step(Roofline roofline) {
    AdamW.step(p, g, m, v, HYPER, 1, 1);
    roofline.bytes(bytes(p, p, g, m, m, v, v));
  }
}
