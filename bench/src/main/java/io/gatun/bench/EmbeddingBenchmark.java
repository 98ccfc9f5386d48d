package io.gatun.bench;

import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Embedding;
import org.openjdk.jmh.annotations.Benchmark;

/** 2048 tokens of 2048 features from 8192 entries. */
public class EmbeddingBenchmark extends OpBenchmark {
  private Matrix table;
  private Matrix y;
  private Ints ids;

  @Override
  void prepare() {
    table = activations("table", 8192, 2048);
    y = activations("y", 2048, 2048);
    ids = below("ids", 2048, 8192);
  }

  /** Gather. */
  @Benchmark
  public void forward(Roofline roofline) {
    Embedding.forward(table, ids, 1, y);
    roofline.bytes(bytes(y, y));
  }

  /** Scatter. */
  @Benchmark
  public void backward(Roofline roofline) {
    Embedding.backward(y, ids, 1, table);
    roofline.bytes(bytes(y, y, y));
  }
}
