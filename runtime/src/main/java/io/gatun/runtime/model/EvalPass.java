package io.gatun.runtime.model;

import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.LoraAdapter;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;

/**
 * Forward of whole sequences, to look at: logits and hidden states of any row, and the loss. Owns
 * the memory for the largest batch and uses it for all. Not for several threads at once.
 */
public final class EvalPass {
  private final Decoder decoder;
  private final PassMemory memory;
  private final Head head;

  private EvalPass(Decoder decoder, PassMemory memory) {
    this.decoder = decoder;
    this.memory = memory;
    this.head = new Head(decoder, memory);
  }

  /**
   * Allocates the memory.
   *
   * @param decoder the model
   * @param adapters those that will be used
   * @param maxTokens most tokens of a batch
   * @param arena owns the memory
   * @return the pass
   */
  public static EvalPass allocate(
      Decoder decoder, List<LoraAdapter> adapters, int maxTokens, Arena arena) {
    var shape =
        new PassShape(
            decoder.device().kind(),
            decoder.config(),
            decoder.compute(),
            maxTokens,
            maxTokens,
            PassShape.ranks(adapters),
            false,
            decoder.config().layers() + 1,
            0,
            false);
    return new EvalPass(
        decoder, PassMemory.allocate("run.evaluation", shape, decoder.device(), arena));
  }

  /**
   * Runs a batch.
   *
   * @param batch at most as many tokens as there is memory for
   * @param adapters which act on which rows; {@link ActiveAdapters#NONE} for the base alone
   * @return what can be looked at, valid until the next run
   */
  public Result run(Batch batch, ActiveAdapters adapters) {
    var pass = DecoderPass.of(decoder, batch, adapters, memory);
    decoder.forward(pass);
    return new Result(batch, pass.pass());
  }

  /** The outcome of one run; valid until the next. */
  public final class Result {
    private final Batch batch;
    private final Pass pass;

    private Result(Batch batch, Pass pass) {
      this.batch = batch;
      this.pass = pass;
    }

    /**
     * The residual before a block; with the number of blocks, the output of the last.
     *
     * @param layer 0 (the embedding) to the number of blocks
     * @return tokens times hidden numbers, row after row
     */
    public float[] hidden(int layer) {
      return HostCopy.readFloats(pass.x(layer));
    }

    /**
     * The final norm of the output of the last block.
     *
     * @return tokens times hidden numbers, row after row
     */
    public float[] normed() {
      int[] rows = new int[pass.tokens()];
      Arrays.setAll(rows, i -> i);
      return HostCopy.readFloats(head.normed(output(), rows));
    }

    /**
     * Logits.
     *
     * @param rows rows of the pack
     * @return rows times vocabulary numbers, row after row
     */
    public float[] logits(int... rows) {
      int vocabulary = decoder.config().vocabulary();
      float[] logits = new float[Math.multiplyExact(rows.length, vocabulary)];
      for (int first = 0; first < rows.length; first += head.chunkRows()) {
        int end = Math.min(first + head.chunkRows(), rows.length);
        float[] chunk =
            HostCopy.readFloats(head.logits(output(), Arrays.copyOfRange(rows, first, end)));
        System.arraycopy(chunk, 0, logits, first * vocabulary, chunk.length);
      }
      return logits;
    }

    /**
     * The loss of the batch.
     *
     * @return sum and weight
     */
    public Loss loss() {
      return batch.labelRows().length == 0 ? Loss.ZERO : head.loss(batch, output());
    }

    private Matrix output() {
      return pass.output();
    }
  }
}
