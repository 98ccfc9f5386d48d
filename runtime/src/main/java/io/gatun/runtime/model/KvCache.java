package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.ops.KvAppend;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Keys and values of the tokens of some sequences, for every block. Each sequence has room for a
 * fixed number of tokens; a common prefix, if there is one, is kept once and seen by all. Not for
 * several threads at once.
 */
public final class KvCache {
  private final DecoderConfig config;
  private final Matrix memory; // (blocks * rows, 2 keyCols): keys | values
  private final int prefixCapacity;
  private final int capacity;
  private final int[] lengths;
  private int prefixLength;

  /**
   * What a pass adds.
   *
   * @param segments which of its rows attend to which rows here
   * @param targets row of each block for each of its rows
   * @param mostKeys keys that a segment may come to have
   */
  record Growth(List<Segment> segments, int[] targets, int mostKeys) {}

  /**
   * Where the keys and values of a running pass go.
   *
   * @param cache into which
   * @param targets row of each block for each row of the pass, on the device
   */
  record Rows(KvCache cache, Ints targets) {
    /** Adds a block's keys and values; returns all of that block. */
    BlockPass.Keys append(int layer, BlockPass.Keys own) {
      return cache.append(layer, own, targets);
    }
  }

  private KvCache(DecoderConfig config, Matrix memory, int sequences, int capacity, int prefix) {
    this.config = config;
    this.memory = memory;
    this.capacity = capacity;
    this.prefixCapacity = prefix;
    this.lengths = new int[sequences];
  }

  /**
   * Allocates an empty cache.
   *
   * @param decoder the model
   * @param sequences how many
   * @param capacity most tokens of each, the common prefix not counted
   * @param prefixCapacity most tokens of the common prefix, 0 for none
   * @param arena owns the memory
   * @return the cache
   */
  public static KvCache allocate(
      Decoder decoder, int sequences, int capacity, int prefixCapacity, Arena arena) {
    var config = decoder.config();
    int rows = Math.addExact(Math.multiplyExact(sequences, capacity), prefixCapacity);
    var memory =
        Matrix.allocate(
            decoder.device(),
            "run.kv_cache",
            decoder.compute(),
            Math.multiplyExact(rows, config.layers()),
            2 * config.keyCols(),
            arena);
    return new KvCache(config, memory, sequences, capacity, prefixCapacity);
  }

  /**
   * Bytes of a cache.
   *
   * @param config the decoder
   * @param dtype compute type
   * @param tokens of all sequences and the prefix
   * @return bytes
   */
  public static long bytes(DecoderConfig config, DType dtype, long tokens) {
    return tokens * config.layers() * 2 * config.keyCols() * dtype.bytes();
  }

  /**
   * Tokens of a sequence, the common prefix included.
   *
   * @param sequence its number
   * @return position of its next token
   */
  public int length(int sequence) {
    return prefixLength + lengths[sequence];
  }

  /**
   * Tokens of the common prefix.
   *
   * @return 0 if there is none
   */
  public int prefixLength() {
    return prefixLength;
  }

  /**
   * How many sequences there are.
   *
   * @return their number
   */
  public int sequences() {
    return lengths.length;
  }

  /**
   * Tokens a sequence may still take.
   *
   * @param sequence its number
   * @return room
   */
  public int room(int sequence) {
    return capacity - lengths[sequence];
  }

  /** Forgets all tokens. */
  public void clear() {
    Arrays.fill(lengths, 0);
    prefixLength = 0;
  }

  /**
   * Forgets the tokens of one sequence, so that another can take its place.
   *
   * @param sequence its number
   */
  public void clear(int sequence) {
    lengths[sequence] = 0;
  }

  /** Makes room for the tokens of a pass. */
  Growth extend(List<Feed> feeds) {
    check(feeds);
    boolean growsPrefix = feeds.getFirst().isPrefix();
    var segments = new ArrayList<Segment>();
    int parent = Segment.NO_PARENT;
    if (!growsPrefix && prefixLength > 0) {
      segments.add(new Segment(0, 0, 0, prefixLength, Segment.NO_PARENT));
      parent = 0;
    }
    int[] targets = new int[feeds.stream().mapToInt(feed -> feed.ids().length).sum()];
    int query = 0;
    for (var feed : feeds) {
      int count = feed.ids().length;
      int first = growsPrefix ? 0 : prefixCapacity + feed.sequence() * capacity;
      int before = stored(feed);
      segments.add(new Segment(query, count, first, before + count, parent));
      for (int i = 0; i < count; i++) {
        targets[query++] = first + before + i;
      }
      grow(feed);
    }
    return new Growth(segments, targets, Math.max(capacity, prefixCapacity));
  }

  private void check(List<Feed> feeds) {
    boolean growsPrefix = feeds.stream().anyMatch(Feed::isPrefix);
    if (growsPrefix && (feeds.size() > 1 || Arrays.stream(lengths).anyMatch(n -> n > 0))) {
      throw new IllegalArgumentException(
          "the common prefix must be complete before sequences begin");
    }
    if (feeds.stream().map(Feed::sequence).distinct().count() < feeds.size()) {
      throw new IllegalArgumentException("a sequence can be fed once at a time");
    }
    for (var feed : feeds) {
      int room = (growsPrefix ? prefixCapacity : capacity) - stored(feed);
      if (feed.ids().length > room) {
        throw new IllegalArgumentException(
            "%d tokens do not fit: the cache has room for %d more"
                .formatted(feed.ids().length, room));
      }
    }
  }

  private int stored(Feed feed) {
    return feed.isPrefix() ? prefixLength : lengths[feed.sequence()];
  }

  private void grow(Feed feed) {
    if (feed.isPrefix()) {
      prefixLength += feed.ids().length;
    } else {
      lengths[feed.sequence()] += feed.ids().length;
    }
  }

  private BlockPass.Keys append(int layer, BlockPass.Keys own, Ints targets) {
    int rows = memory.rows() / config.layers();
    Matrix block = memory.rowSlice(layer * rows, rows);
    KvAppend.run(own.k(), own.v(), targets, block);
    return new BlockPass.Keys(
        block.colSlice(0, config.keyCols()), block.colSlice(config.keyCols(), config.keyCols()));
  }
}
