package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.ArgMax;
import org.openjdk.jmh.annotations.Benchmark;

/** The logits of 16 sequences over 128256 tokens. */
public class ArgMaxBenchmark extends OpBenchmark {
  private static final int ROWS = 16;
  private static final int VOCABULARY = 128_256;

  private Matrix logits;
  private Ints found;

  @Override
  void prepare() {
    logits = random("logits", DType.F32, ROWS, VOCABULARY);
    found = below("found", ROWS, VOCABULARY);
  }

  /** The most likely tokens. */
  @Benchmark
  public void find(Roofline roofline) {
    ArgMax.run(logits, VOCABULARY, found);
    roofline.bytes(bytes(logits));
  }
}
