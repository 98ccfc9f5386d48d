package io.gatun.runtime.model;

import io.gatun.kernels.AttentionDropout;
import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.Segments;
import io.gatun.runtime.adapter.Delta;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Everything but the weights of one encoder block in one pass.
 *
 * @param activations what it makes
 * @param deltas what adapters add to each product
 * @param shape of attention
 * @param segments which rows attend to each other
 * @param weightsDropout of attention's weights
 * @param outputDropout of what the output projection gives
 * @param downDropout of what the down projection gives
 */
record EncoderBlockPass(
    EncoderActivations activations,
    Map<Projection, Delta> deltas,
    AttentionShape shape,
    Segments segments,
    Optional<AttentionDropout> weightsDropout,
    Optional<HiddenDropout> outputDropout,
    Optional<HiddenDropout> downDropout) {

  Delta delta(Projection projection) {
    return Objects.requireNonNull(deltas.get(projection));
  }
}
