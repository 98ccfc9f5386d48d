package io.gatun.runtime.generate;

import io.gatun.kernels.Philox;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.DecodePass;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.Feed;
import io.gatun.runtime.model.KvCache;
import io.gatun.runtime.model.SeenTokens;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Prompts at work, with the memory they need. Continuous batching: each place of the cache works on
 * one prompt, and takes the next when its answer ends. Belongs to the thread that made it.
 */
final class Session implements AutoCloseable {
  private static final int MOST_TOGETHER = 32;
  private static final int MOST_TOKENS = 512; // of one pass; longer prompts are fed in pieces

  private final Arena memory = Arena.ofConfined();
  private final Optional<LoraAdapter> adapter;
  private final List<int[]> prompts;
  private final List<Writer> writers;
  private final Sampling sampling;
  private final int vocabulary;
  private final int prefix;
  private final KvCache cache;
  private final DecodePass pass;
  private final Optional<SeenTokens> seen;
  private List<Place> places = new ArrayList<>();
  private int nextPrompt;
  private boolean closed;

  /**
   * A prompt at work.
   *
   * @param sequence its place in the cache
   * @param prompt its number
   * @param pending tokens the cache has not seen
   */
  private record Place(int sequence, int prompt, int[] pending) {

    /** Whether a feed holds all that the cache has not seen. */
    boolean endsWith(Feed feed) {
      return feed.ids().length == pending.length;
    }
  }

  /**
   * Allocates memory and computes the common beginning of the prompts.
   *
   * @param sampling how tokens are chosen
   * @param vocabulary tokens that the tokenizer has; a model may have more rows, which mean nothing
   */
  Session(
      Decoder decoder,
      Optional<LoraAdapter> adapter,
      List<int[]> prompts,
      List<Writer> writers,
      Sampling sampling,
      int vocabulary) {
    this.adapter = adapter;
    this.prompts = prompts;
    this.writers = writers;
    this.sampling = sampling;
    this.vocabulary = vocabulary;
    this.prefix = decoder.config().rope().dependsOnLength() ? 0 : CommonPrefix.length(prompts);
    int longest = prompts.stream().mapToInt(p -> p.length).max().orElseThrow();
    int capacity =
        Math.min(longest + sampling.maxTokens(), decoder.config().contextLength()) - prefix;
    int together = Math.min(MOST_TOGETHER, prompts.size());
    int tokens = Math.clamp((long) longest * together, together, Math.max(together, MOST_TOKENS));
    this.cache = KvCache.allocate(decoder, together, capacity, prefix, memory);
    this.pass = DecodePass.allocate(decoder, cache, adapter.stream().toList(), tokens, memory);
    this.seen =
        sampling.repetitionPenalty() == 1
            ? Optional.empty()
            : Optional.of(SeenTokens.allocate(decoder, cache, memory));
    feedPrefix();
    for (int sequence = 0; sequence < together; sequence++) {
      begin(sequence).ifPresent(places::add);
    }
  }

  private void feedPrefix() {
    int[] shared = Arrays.copyOf(prompts.getFirst(), prefix);
    for (int first = 0; first < prefix; first += pass.maxTokens()) {
      int end = Math.min(prefix, first + pass.maxTokens());
      var feed = new Feed(Feed.PREFIX, Arrays.copyOfRange(shared, first, end), adapter);
      pass.likeliest(List.of(feed), vocabulary); // nobody asks for it, but logits are more to fetch
    }
  }

  /** The next prompt in a place, or nothing when all have begun. */
  private Optional<Place> begin(int sequence) {
    if (nextPrompt == prompts.size()) {
      return Optional.empty();
    }
    int[] prompt = prompts.get(nextPrompt);
    seen.ifPresent(tokens -> tokens.begin(sequence, prompt));
    int[] own = Arrays.copyOfRange(prompt, prefix, prompt.length);
    return Optional.of(new Place(sequence, nextPrompt++, own));
  }

  /** Whether every answer is complete. */
  boolean isDone() {
    return places.isEmpty();
  }

  /** Feeds every place as much as fits; those whose tokens are all seen choose their next. */
  void step() {
    var feeds = new ArrayList<Feed>();
    int room = pass.maxTokens();
    for (int i = 0; i < places.size(); i++) {
      var place = places.get(i);
      int others = places.size() - 1 - i; // each of them needs room for one token
      int count = Math.min(place.pending.length, room - others);
      feeds.add(new Feed(place.sequence, Arrays.copyOf(place.pending, count), adapter));
      room -= count;
    }
    int[] chosen = choose(feeds);
    var going = new ArrayList<Place>();
    for (int i = 0; i < places.size(); i++) {
      var place = places.get(i);
      int fed = feeds.get(i).ids().length;
      if (place.endsWith(feeds.get(i))) {
        advance(place, chosen[i]).ifPresent(going::add);
      } else {
        int[] rest = Arrays.copyOfRange(place.pending, fed, place.pending.length);
        going.add(new Place(place.sequence, place.prompt, rest));
      }
    }
    places = going;
  }

  /** The next token of each feed. */
  private int[] choose(List<Feed> feeds) {
    if (sampling.isGreedy() && seen.isEmpty()) {
      return pass.likeliest(feeds, vocabulary);
    }
    var bits = new ArrayList<OptionalInt>();
    for (int i = 0; i < feeds.size(); i++) {
      var place = places.get(i);
      bits.add(place.endsWith(feeds.get(i)) ? OptionalInt.of(bits(place)) : OptionalInt.empty());
    }
    return pass.draw(feeds, vocabulary, sampling.filters(), seen, bits);
  }

  /** Random bits that depend on the prompt's number and the length of its answer alone. */
  private int bits(Place place) {
    int drawn = writers.get(place.prompt).length();
    int purpose = Philox.Purpose.SAMPLING.ordinal();
    return Philox.words(sampling.seed(), drawn, place.prompt, 0, purpose)[0];
  }

  private Optional<Place> advance(Place place, int token) {
    var writer = writers.get(place.prompt);
    writer.take(token);
    if (!writer.isDone()) {
      return Optional.of(new Place(place.sequence, place.prompt, new int[] {token}));
    }
    cache.clear(place.sequence);
    return begin(place.sequence);
  }

  /** Frees the memory; again does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      memory.close();
    }
  }
}
