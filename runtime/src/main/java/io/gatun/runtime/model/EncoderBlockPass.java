package io.gatun.runtime.model;

import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.Segments;
import io.gatun.runtime.adapter.Delta;
import java.util.Map;
import java.util.Objects;

/**
 * Everything but the weights of one encoder block in one pass.
 *
 * @param activations what it makes
 * @param deltas what adapters add to each product
 * @param shape of attention
 * @param segments which rows attend to each other
 */
record EncoderBlockPass(
    EncoderActivations activations,
    Map<Projection, Delta> deltas,
    AttentionShape shape,
    Segments segments) {

  Delta delta(Projection projection) {
    return Objects.requireNonNull(deltas.get(projection));
  }
}
