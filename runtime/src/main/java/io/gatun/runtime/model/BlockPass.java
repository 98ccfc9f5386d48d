package io.gatun.runtime.model;

import io.gatun.kernels.AttentionDropout;
import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segments;
import io.gatun.runtime.adapter.Delta;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Everything but the weights of one block in one pass.
 *
 * @param layer number of the block
 * @param activations what it makes
 * @param deltas what adapters add to each product
 * @param shape of attention
 * @param segments which rows attend to which
 * @param dropout of attention's weights
 * @param cos (tokens, headDim / 2) F32
 * @param sin (tokens, headDim / 2) F32
 * @param cache in decoding, the keys and values of earlier tokens, and the rows of these
 */
record BlockPass(
    int layer,
    BlockActivations activations,
    Map<Projection, Delta> deltas,
    AttentionShape shape,
    Segments segments,
    Optional<AttentionDropout> dropout,
    Matrix cos,
    Matrix sin,
    Optional<KvCache.Rows> cache) {

  /**
   * What attention reads.
   *
   * @param k (keys, keyCols)
   * @param v (keys, keyCols)
   */
  record Keys(Matrix k, Matrix v) {}

  Delta delta(Projection projection) {
    return Objects.requireNonNull(deltas.get(projection));
  }

  /**
   * Keys and values to attend to: the block's own; in decoding those of the cache, after adding the
   * block's own.
   */
  Keys storeKeys() {
    var own = new Keys(activations.k, activations.v);
    return cache.map(c -> c.append(layer, own)).orElse(own);
  }
}
