package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Sample;
import io.gatun.kernels.ops.Sample.Filters;
import java.util.Optional;
import org.openjdk.jmh.annotations.Benchmark;

/** The logits of one sequence over 128256 tokens, with the filters that people use most. */
public class SampleBenchmark extends OpBenchmark {
  private static final int VOCABULARY = 128_256;
  private static final Filters FILTERS = new Filters(0.7f, 50, 0.9f, 0, 1);

  private Matrix logits;
  private Ints choices;
  private Ints found;

  @Override
  void prepare() {
    logits = random("logits", DType.F32, 1, VOCABULARY);
    choices = below("choices", 2, 1);
    found = below("found", 1, VOCABULARY);
  }

  /** A drawn token. */
  @Benchmark
  public void draw(Roofline roofline) {
    Sample.run(logits, VOCABULARY, FILTERS, choices, Optional.empty(), found);
    roofline.bytes(bytes(logits));
  }
}
