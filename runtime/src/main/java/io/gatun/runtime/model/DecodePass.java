package io.gatun.runtime.model;

import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Replay;
import io.gatun.kernels.ops.ArgMax;
import io.gatun.kernels.ops.Sample;
import io.gatun.kernels.ops.Sample.Filters;
import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.LoraAdapter;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Forward for generation: adds tokens to the sequences of a cache and gives the logits of what
 * comes next. Prompts longer than the pass are fed in pieces. One token for each of the same
 * sequences, again and again, is work that a GPU records and repeats. Not for several threads at
 * once.
 */
public final class DecodePass {
  private static final String NAME = "run.decoding";

  private final Decoder decoder;
  private final KvCache cache;
  private final PassMemory memory;
  private final Ints inputs;
  private final Ints chosen; // token of each feed, where that is asked for
  private final Head head;
  private final Replay replay;
  private List<Feed> before = List.of(); // of the last pass, if it may be repeated
  private Choice choiceBefore = new Choice.Logits();
  private boolean prefixed; // whether they had a prefix

  private DecodePass(
      Decoder decoder, KvCache cache, PassMemory memory, Ints inputs, Ints chosen, Replay replay) {
    this.decoder = decoder;
    this.cache = cache;
    this.memory = memory;
    this.inputs = inputs;
    this.chosen = chosen;
    this.head = new Head(decoder, memory);
    this.replay = replay;
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
    var device = decoder.device();
    int feeds = cache.sequences() + 1;
    var shape =
        new PassShape(
            device.kind(),
            decoder.config(),
            decoder.compute(),
            maxTokens,
            feeds,
            PassShape.ranks(adapters),
            false,
            2,
            0,
            false);
    int room = DecodeInputs.room(maxTokens, feeds, decoder.config());
    return new DecodePass(
        decoder,
        cache,
        PassMemory.allocate(NAME, shape, device, arena),
        Ints.allocate(device, NAME, room, arena),
        Ints.allocate(device, NAME, feeds, arena),
        Replay.on(device, "run.decoding_step", arena));
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
    return feeds.isEmpty()
        ? List.of()
        : logits(forward(feeds, new Choice.Logits(), new int[2 * feeds.size()]));
  }

  /**
   * Adds tokens to sequences, and finds the likeliest next ones where the logits are.
   *
   * @param feeds as for {@link #run}
   * @param vocabulary tokens that may be chosen: those below, of the model's at most
   * @return for each feed, the first token with the largest logit; NaN is less than any
   */
  public int[] likeliest(List<Feed> feeds, int vocabulary) {
    return choose(feeds, new Choice.Likeliest(below(vocabulary)), new int[2 * feeds.size()]);
  }

  /**
   * Adds tokens to sequences, and draws the next ones where the logits are.
   *
   * @param feeds as for {@link #run}
   * @param vocabulary tokens that may be drawn: those below, of the model's at most
   * @param filters what is left to be drawn from
   * @param seen tokens that the sequences have, which grow; none without a penalty
   * @param bits for each feed 32 random bits, which tell the token; none where what is drawn is not
   *     the next of its sequence
   * @throws IllegalArgumentException when the tokens are more than there is memory for
   * @return for each feed, the token; the same logits and bits give the same one on every device
   */
  public int[] draw(
      List<Feed> feeds,
      int vocabulary,
      Filters filters,
      Optional<SeenTokens> seen,
      List<OptionalInt> bits) {
    int[] choices = new int[2 * feeds.size()];
    for (int i = 0; i < feeds.size(); i++) {
      choices[2 * i] = bits.get(i).orElse(0);
      choices[2 * i + 1] = bits.get(i).isPresent() ? feeds.get(i).sequence() : -1;
    }
    return choose(feeds, new Choice.Drawn(below(vocabulary), filters, seen), choices);
  }

  private int below(int vocabulary) {
    return Math.min(vocabulary, decoder.config().vocabulary());
  }

  private int[] choose(List<Feed> feeds, Choice choice, int[] choices) {
    if (feeds.isEmpty()) {
      return new int[0];
    }
    forward(feeds, choice, choices);
    return HostCopy.readInts(chosen.slice(0, feeds.size()));
  }

  /** Gives the last row of each feed, on the device. */
  private Ints forward(List<Feed> feeds, Choice choice, int[] choices) {
    int[] last = new int[feeds.size()];
    int[] ids = join(feeds, last);
    var growth = cache.extend(feeds);
    var table = DecodeInputs.upload(inputs, decoder, ids, last, choices, growth);
    boolean again = choice.equals(choiceBefore) && repeats(feeds);
    before = List.of();
    replay.run(again, () -> forward(feeds, table, choice));
    before = List.copyOf(feeds);
    choiceBefore = choice;
    prefixed = cache.prefixLength() > 0;
    return table.last();
  }

  /** The tokens of all feeds, and where each feed ends. */
  private int[] join(List<Feed> feeds, int[] last) {
    int tokens = feeds.stream().mapToInt(feed -> feed.ids().length).sum();
    if (tokens > maxTokens()) {
      throw new IllegalArgumentException(
          "%d tokens at a time; there is memory for %d".formatted(tokens, maxTokens()));
    }
    int[] ids = new int[tokens];
    int first = 0;
    for (int i = 0; i < last.length; i++) {
      int[] added = feeds.get(i).ids();
      System.arraycopy(added, 0, ids, first, added.length);
      first += added.length;
      last[i] = first - 1;
    }
    return ids;
  }

  /** Whether the work is that of the last pass, on other numbers: a token for each sequence. */
  private boolean repeats(List<Feed> feeds) {
    boolean same = feeds.size() == before.size() && prefixed == cache.prefixLength() > 0;
    for (int i = 0; i < feeds.size() && same; i++) {
      var feed = feeds.get(i);
      var old = before.get(i);
      same =
          feed.ids().length == 1
              && old.ids().length == 1
              && feed.sequence() == old.sequence()
              && !feed.isPrefix()
              && feed.adapter().equals(old.adapter());
    }
    return same;
  }

  /** All the work on the device; where logits of several chunks are wanted, up to the head. */
  private void forward(List<Feed> feeds, DecodeInputs table, Choice choice) {
    var adapters = new ActiveAdapters(rows(feeds), Optional.empty());
    var pass = new Pass(memory, table.ids(), table.segments(), adapters);
    var rows = new KvCache.Rows(cache, table.targets());
    decoder.forward(new DecoderPass(decoder, pass, table.cos(), table.sin(), Optional.of(rows)));
    if (!(choice instanceof Choice.Logits)) {
      choose(pass.output(), table, choice);
    } else if (table.last().length() <= head.chunkRows()) {
      head.logits(pass.output(), table.last());
    }
  }

  private void choose(Matrix x, DecodeInputs table, Choice choice) {
    Ints last = table.last();
    for (int first = 0; first < last.length(); first += head.chunkRows()) {
      int count = Math.min(head.chunkRows(), last.length() - first);
      Matrix logits = head.logits(x, last.slice(first, count));
      Ints tokens = chosen.slice(first, count);
      switch (choice) {
        case Choice.Logits() -> {}
        case Choice.Likeliest(int vocabulary) -> ArgMax.run(logits, vocabulary, tokens);
        case Choice.Drawn(int vocabulary, var filters, var seen) -> {
          Ints choices = table.choices().slice(2 * first, 2 * count);
          Sample.run(logits, vocabulary, filters, choices, seen.map(SeenTokens::seen), tokens);
        }
      }
    }
  }

  /** Neighbouring feeds with the same adapter are one run of rows. */
  private static List<ActiveAdapters.Rows> rows(List<Feed> feeds) {
    var rows = new ArrayList<ActiveAdapters.Rows>();
    int first = 0;
    for (var feed : feeds) {
      int count = feed.ids().length;
      if (feed.adapter().isPresent()) {
        add(rows, new ActiveAdapters.Rows(feed.adapter().get(), first, count));
      }
      first += count;
    }
    return rows;
  }

  private static void add(List<ActiveAdapters.Rows> rows, ActiveAdapters.Rows next) {
    if (!rows.isEmpty()) {
      var run = rows.getLast();
      if (run.adapter() == next.adapter() && run.first() + run.count() == next.first()) {
        int count = run.count() + next.count();
        rows.set(rows.size() - 1, new ActiveAdapters.Rows(run.adapter(), run.first(), count));
        return;
      }
    }
    rows.add(next);
  }

  private List<float[]> logits(Ints last) {
    var logits = new ArrayList<float[]>();
    int chunkRows = head.chunkRows();
    Matrix x = memory.residual(memory.shape().config().layers(), maxTokens());
    for (int first = 0; first < last.length(); first += chunkRows) {
      int count = Math.min(chunkRows, last.length() - first);
      Matrix chunk =
          count == last.length()
              ? memory.matrix("head.logits", count)
              : head.logits(x, last.slice(first, count));
      for (int i = 0; i < count; i++) {
        logits.add(HostCopy.readFloats(chunk.rowSlice(i, 1)));
      }
    }
    return logits;
  }
}
