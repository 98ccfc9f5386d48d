package io.gatun.bench.check;

import io.gatun.bench.shape.Shape;
import io.gatun.kernels.DType;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.AdapterSize;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.DecodePass;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.Feed;
import io.gatun.runtime.model.KvCache;
import io.gatun.runtime.plan.MemoryPlan;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/** Tokens one by one, with and without adapters beside the base: targets 5 and 6. */
final class DecodeChecks {
  private static final int ROOM = 512; // tokens of a sequence before it begins anew
  private static final int BATCH = 16;

  private final Bench bench;
  private final Decoder decoder;

  private DecodeChecks(Bench bench) {
    this.bench = bench;
    this.decoder =
        Decoder.random(
            config(bench), WeightFormat.nf4(), DType.BF16, 1, bench.device(), bench.arena());
  }

  private static DecoderConfig config(Bench bench) {
    return bench.scale() == Bench.Scale.FULL
        ? Shape.of("llama-8b").config()
        : Shape.of("smollm2-135m").config().withLayers(2);
  }

  static List<Figure> run(Bench bench) {
    var checks = new DecodeChecks(bench);
    double[] seconds =
        bench.seconds(
            Ceilings.copy(bench),
            checks.tokens(List.of(Optional.empty())),
            checks.tokens(List.of(checks.adapter(16))),
            checks.tokens(List.of(checks.adapter(64))),
            checks.tokens(IntStream.range(0, BATCH).mapToObj(_ -> checks.adapter(16)).toList()));
    double copy = Ceilings.copyBytes(bench) / seconds[0];
    double base = checks.weightBytes() / copy;
    double many = base + BATCH * checks.adapterBytes(16) / copy;
    return List.of(
        Figure.of(
            5,
            "decoding, %d layers, NF4, 1 sequence".formatted(checks.decoder.config().layers()),
            Figure.number(1 / seconds[1]) + " tokens/s",
            base / seconds[1],
            Bar.atLeast(0.65),
            "of what the bytes of the weights allow"),
        relative("rank 16", seconds[2], seconds[1], 1.04),
        relative("rank 64", seconds[3], seconds[1], 1.10),
        Figure.of(
            6,
            "decoding, %d sequences with %1$d adapters of rank 16".formatted(BATCH),
            Figure.number(BATCH / seconds[4]) + " tokens/s",
            seconds[4] / many,
            Bar.atMost(1.15),
            "of the time that the bytes of weights and adapters take"));
  }

  private static Figure relative(String rank, double seconds, double merged, double limit) {
    return Figure.of(
        6,
        "decoding with an adapter of %s beside the base".formatted(rank),
        Figure.number(1 / seconds) + " tokens/s",
        seconds / merged,
        Bar.atMost(limit),
        "of the time without, which is that of a merged model");
  }

  private static LoraConfig config(int rank) {
    return LoraConfig.defaults().withRank(rank, 2.0 * rank);
  }

  private Optional<LoraAdapter> adapter(int rank) {
    return Optional.of(LoraAdapter.create(decoder, config(rank), rank, bench.arena()));
  }

  /** A token of each sequence, and the likeliest next; a sequence for each adapter. */
  private IntConsumer tokens(List<Optional<LoraAdapter>> adapters) {
    var cache = KvCache.allocate(decoder, adapters.size(), ROOM, 0, bench.arena());
    var used = adapters.stream().flatMap(Optional::stream).toList();
    var pass = DecodePass.allocate(decoder, cache, used, adapters.size(), bench.arena());
    return call -> {
      if (cache.room(0) == 0) {
        cache.clear();
      }
      int token = call % decoder.config().vocabulary();
      pass.likeliest(
          IntStream.range(0, adapters.size())
              .mapToObj(s -> new Feed(s, new int[] {token}, adapters.get(s)))
              .toList(),
          decoder.config().vocabulary());
    };
  }

  /** All products and the head; of the embedding a row is read. */
  private double weightBytes() {
    var config = decoder.config();
    var on = decoder.device().kind();
    var plan =
        MemoryPlan.training(on, config, WeightFormat.nf4(), DType.BF16, config(16), 1, 0, 0)
            .byName();
    double table = 2.0 * config.vocabulary() * config.hidden();
    return plan.get("base.nf4.codes") + plan.get("base.nf4.scales") + table;
  }

  private double adapterBytes(int rank) {
    return (double) Float.BYTES * AdapterSize.of(config(rank), decoder.config()).parameters();
  }
}
