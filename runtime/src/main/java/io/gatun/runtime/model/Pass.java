package io.gatun.runtime.model;

import io.gatun.kernels.AttentionDropout;
import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.Segments;
import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.ActiveAdapters.Training;
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
  private final PassMemory memory;
  private final ActiveAdapters adapters;
  private final int tokens;
  private final Ints ids;
  private final Ints tokenIndex;
  private final Segments segments;

  /**
   * Uploads the inputs.
   *
   * @param memory where everything goes
   * @param ids token of each row
   * @param tokenIndex index of each row within the optimizer step
   * @param list which rows belong together
   * @param adapters which adapters act
   */
  Pass(
      PassMemory memory, int[] ids, int[] tokenIndex, List<Segment> list, ActiveAdapters adapters) {
    this.memory = memory;
    this.adapters = adapters;
    this.tokens = ids.length;
    this.ids = memory.ints("ids", tokens);
    this.tokenIndex = memory.ints("tokenIndex", tokens);
    HostCopy.write(this.ids, ids);
    HostCopy.write(this.tokenIndex, tokenIndex);
    this.segments =
        Segments.of(list, memory.ints("segments", list.size() * Segments.TABLE_COLUMNS));
  }

  /** Inputs that are there; nothing is dropped. */
  Pass(PassMemory memory, Ints ids, Segments segments, ActiveAdapters adapters) {
    this.memory = memory;
    this.adapters = adapters;
    this.tokens = ids.length();
    this.ids = ids;
    this.tokenIndex = ids;
    this.segments = segments;
  }

  Ints ids() {
    return ids;
  }

  int tokens() {
    return tokens;
  }

  Segments segments() {
    return segments;
  }

  PassMemory memory() {
    return memory;
  }

  /** The residual before a block; of one more than the last, the output. */
  Matrix x(int layer) {
    return memory.residual(layer, tokens);
  }

  /** The output of the last block. */
  Matrix output() {
    return x(memory.shape().config().layers());
  }

  /** The first block that backward must reach. */
  int firstTrained() {
    return adapters.firstAdaptedBlock();
  }

  /** Whether forward kept what backward of this block needs. */
  boolean kept(int layer) {
    return layer >= memory.shape().firstKept();
  }

  /** What adapters add to the products of a block. */
  Map<Projection, Delta> deltas(int layer) {
    Map<Projection, Delta> deltas = new EnumMap<>(Projection.class);
    for (var projection : Projection.values()) {
      deltas.put(projection, delta(layer, projection));
    }
    return deltas;
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
        factors,
        adapters.gradients(layer, projection),
        t,
        u,
        memory.slab()::beside,
        mask(layer, projection));
  }

  private Delta.Mask mask(int layer, Projection projection) {
    var training = adapters.training().filter(t -> t.dropout() > 0);
    if (training.isEmpty()) {
      return new Delta.Mask.Off();
    }
    var t = training.get();
    int inputs = memory.shape().config().inputs(projection);
    return new Delta.Mask.On(
        t.dropout(),
        new DropoutKey(t.seed(), t.step(), tensor(layer, projection)),
        tokenIndex,
        memory.matrix("dropped", tokens, inputs),
        memory.matrix("dDropped", tokens, inputs));
  }

  /** Dropout of hidden features of the base with probability p; none outside training. */
  Optional<HiddenDropout> hiddenDropout(DropoutPlace place, int layer, float p) {
    return dropping(p).map(t -> new HiddenDropout(p, place.key(t, layer), tokenIndex));
  }

  /** Dropout of attention's weights with probability p; none outside training. */
  Optional<AttentionDropout> attentionDropout(int layer, float p) {
    return dropping(p)
        .map(t -> new AttentionDropout(p, DropoutPlace.WEIGHTS.key(t, layer), tokenIndex));
  }

  private Optional<Training> dropping(float p) {
    return adapters.training().filter(_ -> p > 0);
  }

  /** The number of a product, by which dropout tells them apart. */
  static int tensor(int layer, Projection projection) {
    return layer * Projection.values().length + projection.ordinal();
  }
}
