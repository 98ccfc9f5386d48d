package io.gatun.bench;

import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.DecodePass;
import io.gatun.runtime.model.Feed;
import io.gatun.runtime.model.KvCache;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Tokens a second of one sequence, the likeliest one by one after a prompt of 16, with and without
 * an adapter beside the base.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
public class DecodeBenchmark extends ModelBenchmark {
  private static final int PROMPT = 16;
  private static final int TOKENS = 64;

  /** Whether the adapter acts. */
  @Param({"false", "true"})
  public boolean adapted;

  /** For JMH. */
  public DecodeBenchmark() {}

  @Override
  void prepare() {}

  /** Feeds the tokens; the time of the prompt is in it. */
  @Benchmark
  @OperationsPerInvocation(TOKENS)
  public int decode() {
    var adapter = adapted ? Optional.of(adapter()) : Optional.<LoraAdapter>empty();
    int[] ids = tokens(PROMPT);
    try (var memory = Arena.ofConfined()) {
      var cache = KvCache.allocate(decoder(), 1, PROMPT + TOKENS, 0, memory);
      var pass = DecodePass.allocate(decoder(), cache, adapter.stream().toList(), PROMPT, memory);
      int vocabulary = decoder().config().vocabulary();
      for (int i = 0; i <= TOKENS; i++) {
        ids = pass.likeliest(List.of(new Feed(0, ids, adapter)), vocabulary);
      }
      return ids[0];
    }
  }
}
