package io.gatun.runtime.model;

import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.Segments;
import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.Delta;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One run of tokens through the blocks: the inputs on the device, and views of the memory for as
 * many rows.
 */
final class Pass {
  private final DecoderConfig config;
  private final PassMemory memory;
  private final ActiveAdapters adapters;
  private final Optional<KvCache> cache;
  private final int tokens;
  private final Ints ids;
  private final Ints tokenIndex;
  private final Segments segments;
  private final Matrix cos;
  private final Matrix sin;

  /**
   * Uploads the inputs.
   *
   * @param memory where everything goes
   * @param ids token of each row
   * @param tokenIndex index of each row within the optimizer step
   * @param list which rows belong together
   * @param adapters which adapters act
   * @param cache in decoding
   */
  Pass(
      PassMemory memory,
      int[] ids,
      int[] tokenIndex,
      List<Segment> list,
      ActiveAdapters adapters,
      Optional<KvCache> cache) {
    this.config = memory.shape().config();
    this.memory = memory;
    this.adapters = adapters;
    this.cache = cache;
    this.tokens = ids.length;
    this.ids = memory.ints("ids", tokens);
    this.tokenIndex = memory.ints("tokenIndex", tokens);
    HostCopy.write(this.ids, ids);
    HostCopy.write(this.tokenIndex, tokenIndex);
    this.segments =
        Segments.of(list, memory.ints("segments", list.size() * Segments.TABLE_COLUMNS));
    this.cos = memory.matrix("cos", tokens);
    this.sin = memory.matrix("sin", tokens);
    rotate();
  }

  /** A pass over a packed batch. */
  static Pass of(Batch batch, ActiveAdapters adapters, PassMemory memory) {
    if (batch.sharesPrefix() && memory.shape().config().rope().dependsOnLength()) {
      throw new IllegalArgumentException(
          "a prefix cannot be shared: the rotation of this model depends on the length of the"
              + " sequence");
    }
    return new Pass(
        memory, batch.ids(), batch.tokenIndex(), batch.segments(), adapters, Optional.empty());
  }

  private void rotate() {
    float[] c = new float[tokens * cos.cols()];
    float[] s = new float[tokens * cos.cols()];
    int[] positions = segments.positions();
    for (var segment : segments.list()) {
      int first = segment.queryFirst();
      int last = first + segment.queryLength() - 1;
      if (last >= first) {
        float[] frequencies = config.rope().frequencies(positions[last] + 1);
        for (int row = first; row <= last; row++) {
          config.rope().fill(positions[row], frequencies, row, c, s);
        }
      }
    }
    HostCopy.write(cos, c);
    HostCopy.write(sin, s);
  }

  Ints ids() {
    return ids;
  }

  int tokens() {
    return tokens;
  }

  PassMemory memory() {
    return memory;
  }

  /** The residual before a block; of one more than the last, the output. */
  Matrix x(int layer) {
    return memory.residual(layer, tokens);
  }

  BlockGradients gradients() {
    return new BlockGradients(memory.slab(), config, tokens);
  }

  /** The first block that backward must reach. */
  int firstTrained() {
    return adapters.firstAdaptedBlock();
  }

  /** Whether forward kept what backward of this block needs. */
  boolean kept(int layer) {
    return layer >= memory.shape().firstKept();
  }

  BlockPass block(int layer) {
    var activations =
        new BlockActivations(
            memory.slab(), memory.block(layer), config, tokens, x(layer), x(layer + 1));
    Map<Projection, Delta> deltas = new EnumMap<>(Projection.class);
    for (var projection : Projection.values()) {
      deltas.put(projection, delta(layer, projection));
    }
    return new BlockPass(
        layer, activations, deltas, config.attention(layer), segments, cos, sin, cache);
  }

  private Delta delta(int layer, Projection projection) {
    var factors = adapters.factors(layer, projection);
    if (factors.isEmpty()) {
      return new Delta.None();
    }
    int rank = factors.stream().mapToInt(f -> f.factors().a().rows()).max().orElseThrow();
    Matrix t = memory.matrix(memory.block(layer) + projection, tokens, rank);
    Matrix u = adapters.training().isPresent() ? memory.matrix("u", tokens, rank) : t;
    return new Delta.LowRank(
        factors, adapters.gradients(layer, projection), t, u, mask(layer, projection));
  }

  private Delta.Mask mask(int layer, Projection projection) {
    var training = adapters.training().filter(t -> t.dropout() > 0);
    if (training.isEmpty()) {
      return new Delta.Mask.Off();
    }
    var t = training.get();
    int tensor = layer * Projection.values().length + projection.ordinal();
    int inputs = config.inputs(projection);
    return new Delta.Mask.On(
        t.dropout(),
        new DropoutKey(t.seed(), t.step(), tensor),
        tokenIndex,
        memory.matrix("dropped", tokens, inputs),
        memory.matrix("dDropped", tokens, inputs));
  }
}
