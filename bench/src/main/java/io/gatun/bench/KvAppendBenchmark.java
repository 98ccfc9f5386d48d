package io.gatun.bench;

import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.KvAppend;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;

/** Keys and values of 512 tokens, 1024 columns each. */
public class KvAppendBenchmark extends OpBenchmark {
  private static final int TOKENS = 512;

  private Matrix k;
  private Matrix v;
  private Matrix cache;
  private Ints rows;

  @Override
  void prepare() {
    k = activations("k", TOKENS, 1024);
    v = activations("v", TOKENS, 1024);
    cache = activations("cache", TOKENS, 2048);
    rows = below("rows", TOKENS, TOKENS);
    HostCopy.write(rows, IntStream.range(0, TOKENS).toArray());
  }

  /** Into as many rows. */
  @Benchmark
  public void append(Roofline roofline) {
    KvAppend.run(k, v, rows, cache);
    roofline.bytes(bytes(k, v, cache));
  }
}
