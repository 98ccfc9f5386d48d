package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import java.util.Arrays;
import java.util.Optional;

/**
 * One run of tokens through an encoder.
 *
 * @param encoder the model
 * @param pass the inputs and the memory
 * @param types of the tokens, rows of the token type embedding
 * @param positions of the tokens, rows of the position embedding
 */
record EncoderPass(Encoder encoder, Pass pass, Ints types, Ints positions) implements BackbonePass {

  /**
   * A pass over packed sequences.
   *
   * @param encoder the model
   * @param pass the inputs and the memory
   * @param ids token of each row
   * @param typeIds type of each row
   */
  static EncoderPass of(Encoder encoder, Pass pass, int[] ids, int[] typeIds) {
    int[] rows = new int[ids.length];
    for (var segment : pass.segments().list()) {
      int first = segment.queryFirst();
      int end = first + segment.queryLength();
      int[] positions = encoder.config().positions(Arrays.copyOfRange(ids, first, end));
      System.arraycopy(positions, 0, rows, first, positions.length);
    }
    Ints types = pass.memory().ints("types", ids.length);
    Ints positions = pass.memory().ints("positions", ids.length);
    HostCopy.write(types, typeIds);
    HostCopy.write(positions, rows);
    return new EncoderPass(encoder, pass, types, positions);
  }

  EncoderBlockPass block(int layer) {
    var memory = pass.memory();
    var activations =
        new EncoderActivations(
            memory.slab(), memory.block(layer), pass.tokens(), pass.x(layer), pass.x(layer + 1));
    var drop = encoder.config().dropout();
    return new EncoderBlockPass(
        activations,
        pass.deltas(layer),
        encoder.config().attention(),
        pass.segments(),
        pass.attentionDropout(layer, drop.weights()),
        pass.hiddenDropout(DropoutPlace.OUTPUT, layer, drop.output()),
        pass.hiddenDropout(DropoutPlace.DOWN, layer, drop.down()));
  }

  Optional<HiddenDropout> embeddingDropout() {
    return pass.hiddenDropout(DropoutPlace.EMBEDDINGS, 0, encoder.config().dropout().embeddings());
  }

  EncoderGradients gradients() {
    return new EncoderGradients(pass.memory().slab(), pass.tokens());
  }

  @Override
  public Matrix forward() {
    encoder.forward(this);
    return pass.output();
  }

  @Override
  public Matrix dOutput() {
    return gradients().dx;
  }

  @Override
  public void backward() {
    encoder.backward(this, gradients());
  }

  /** Enters what all blocks of a pass share, and what stands before them. */
  static void plan(SliceTable table, PassShape s, EncoderConfig c) {
    table.addInts("types", s.tokens());
    table.addInts("positions", s.tokens());
    table.add("meanE", DType.F32, s.tokens(), 1);
    table.add("rstdE", DType.F32, s.tokens(), 1);
    EncoderActivations.planShared(table, s, c);
    if (s.backward()) {
      EncoderGradients.plan(table, s, c);
    }
  }
}
