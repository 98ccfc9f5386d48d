package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segments;
import io.gatun.runtime.adapter.ActiveAdapters;
import java.util.Optional;

/**
 * One run of tokens through a decoder.
 *
 * @param decoder the model
 * @param pass the inputs and the memory
 * @param cos (tokens, headDim / 2) F32, of the position of each token
 * @param sin (tokens, headDim / 2) F32
 * @param cache in decoding, the keys and values of earlier tokens, and the rows of these
 */
record DecoderPass(Decoder decoder, Pass pass, Matrix cos, Matrix sin, Optional<KvCache.Rows> cache)
    implements BackbonePass {

  /** A pass whose tokens have the positions that its segments give them. */
  static DecoderPass of(Decoder decoder, Pass pass) {
    Matrix cos = pass.memory().matrix("cos", pass.tokens());
    Matrix sin = pass.memory().matrix("sin", pass.tokens());
    float[] c = new float[pass.tokens() * cos.cols()];
    float[] s = new float[pass.tokens() * cos.cols()];
    angles(decoder.rotations(), pass.segments(), c, s);
    HostCopy.write(cos, c);
    HostCopy.write(sin, s);
    return new DecoderPass(decoder, pass, cos, sin, Optional.empty());
  }

  /** A pass over a packed batch. */
  static DecoderPass of(Decoder decoder, Batch batch, ActiveAdapters adapters, PassMemory memory) {
    if (batch.sharesPrefix() && decoder.config().rope().dependsOnLength()) {
      throw new IllegalArgumentException(
          "a prefix cannot be shared: the rotation of this model depends on the length of the"
              + " sequence");
    }
    var pass = new Pass(memory, batch.ids(), batch.tokenIndex(), batch.segments(), adapters);
    return of(decoder, pass);
  }

  /** Of each token's position, row after row. */
  static void angles(Rotations rotations, Segments segments, float[] cos, float[] sin) {
    int[] positions = segments.positions();
    for (var segment : segments.list()) {
      if (segment.queryLength() > 0) {
        rotations.fill(positions, segment.queryFirst(), segment.queryLength(), cos, sin);
      }
    }
  }

  BlockPass block(int layer) {
    var config = decoder.config();
    var memory = pass.memory();
    var activations =
        new BlockActivations(
            memory.slab(),
            memory.block(layer),
            config,
            pass.tokens(),
            pass.x(layer),
            pass.x(layer + 1));
    return new BlockPass(
        layer,
        activations,
        pass.deltas(layer),
        config.attention(layer),
        pass.segments(),
        pass.attentionDropout(layer, config.attentionDropout()),
        cos,
        sin,
        cache);
  }

  BlockGradients gradients() {
    return new BlockGradients(pass.memory().slab(), decoder.config(), pass.tokens());
  }

  @Override
  public Matrix forward() {
    decoder.forward(this);
    return pass.output();
  }

  @Override
  public Matrix dOutput() {
    return gradients().dx;
  }

  @Override
  public void backward() {
    decoder.backward(this, gradients());
  }

  /** Enters what all blocks of a pass share. */
  static void plan(SliceTable table, PassShape s, DecoderConfig c) {
    table.add("cos", DType.F32, s.tokens(), c.headDim() / 2);
    table.add("sin", DType.F32, s.tokens(), c.headDim() / 2);
    BlockActivations.planShared(table, s, c);
    if (s.backward()) {
      BlockGradients.plan(table, s, c);
    }
  }
}
