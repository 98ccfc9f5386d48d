package io.gatun.runtime.model;

import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.LoraAdapter;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Forward for generation: adds tokens to the sequences of a cache and gives the logits of what
 * comes next. Prompts longer than the pass are fed in pieces. Not for several threads at once.
 */
public final class DecodePass {
  private final Decoder decoder;
  private final KvCache cache;
  private final PassMemory memory;
  private final Head head;

  private DecodePass(Decoder decoder, KvCache cache, PassMemory memory) {
    this.decoder = decoder;
    this.cache = cache;
    this.memory = memory;
    this.head = new Head(decoder, memory);
  }

  /**
   * Allocates the memory.
   *
   * @param decoder the model
   * @param cache of that model
   * @param adapters those that will be used
   * @param maxTokens most tokens at a time, at least one for each sequence
   * @param arena owns the memory
   * @return the pass
   */
  public static DecodePass allocate(
      Decoder decoder, KvCache cache, List<LoraAdapter> adapters, int maxTokens, Arena arena) {
    var shape =
        new PassShape(
            decoder.device().kind(),
            decoder.config(),
            decoder.compute(),
            maxTokens,
            cache.sequences() + 1,
            PassShape.ranks(adapters),
            false,
            2,
            0,
            false);
    return new DecodePass(
        decoder, cache, PassMemory.allocate("run.decoding", shape, decoder.device(), arena));
  }

  /**
   * Most tokens at a time.
   *
   * @return as given to allocate
   */
  public int maxTokens() {
    return memory.shape().tokens();
  }

  /**
   * Adds tokens to sequences.
   *
   * @param feeds each for another sequence; together at most {@link #maxTokens}
   * @return for each feed, the vocabulary's logits of the token after its last
   */
  public List<float[]> run(List<Feed> feeds) {
    if (feeds.isEmpty()) {
      return List.of();
    }
    int tokens = feeds.stream().mapToInt(feed -> feed.ids().length).sum();
    if (tokens > maxTokens()) {
      throw new IllegalArgumentException(
          "%d tokens at a time; there is memory for %d".formatted(tokens, maxTokens()));
    }
    int[] ids = new int[tokens];
    int[] last = new int[feeds.size()];
    var rows = new ArrayList<ActiveAdapters.Rows>();
    int first = 0;
    for (int i = 0; i < feeds.size(); i++) {
      int[] added = feeds.get(i).ids();
      System.arraycopy(added, 0, ids, first, added.length);
      last[i] = first + added.length - 1;
      addRows(rows, feeds.get(i), first);
      first += added.length;
    }
    var segments = cache.extend(feeds);
    var adapters = new ActiveAdapters(rows, Optional.empty());
    var pass = new Pass(memory, ids, new int[tokens], segments, adapters);
    decoder.forward(DecoderPass.of(decoder, pass, Optional.of(cache)));
    return logits(pass.output(), last);
  }

  /** Neighbouring feeds with the same adapter are one run of rows. */
  private static void addRows(List<ActiveAdapters.Rows> rows, Feed feed, int first) {
    if (feed.adapter().isEmpty()) {
      return;
    }
    var adapter = feed.adapter().get();
    int count = feed.ids().length;
    if (!rows.isEmpty()) {
      var run = rows.getLast();
      if (run.adapter() == adapter && run.first() + run.count() == first) {
        rows.set(
            rows.size() - 1, new ActiveAdapters.Rows(adapter, run.first(), run.count() + count));
        return;
      }
    }
    rows.add(new ActiveAdapters.Rows(adapter, first, count));
  }

  private List<float[]> logits(Matrix x, int[] rows) {
    var logits = new ArrayList<float[]>();
    for (int first = 0; first < rows.length; first += head.chunkRows()) {
      int end = Math.min(first + head.chunkRows(), rows.length);
      Matrix chunk = head.logits(x, Arrays.copyOfRange(rows, first, end));
      for (int i = 0; i < chunk.rows(); i++) {
        logits.add(HostCopy.readFloats(chunk.rowSlice(i, 1)));
      }
    }
    return logits;
  }
}
