package io.gatun.runtime.adapter;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import io.gatun.runtime.model.Batch;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.EvalPass;
import io.gatun.runtime.model.GoldenRows;
import io.gatun.runtime.model.TensorFile;
import java.lang.foreign.Arena;
import java.util.Optional;
import java.util.stream.IntStream;

/** Logits of the rows of a golden file. */
final class GoldenLogits {
  private GoldenLogits() {}

  /** Those of all tokens; padding is left out. */
  static float[] of(Decoder decoder, Optional<LoraAdapter> adapter, TensorFile io, Arena arena) {
    var rows = GoldenRows.of(io, "input_ids", "attention_mask");
    var pass = EvalPass.allocate(decoder, adapter.stream().toList(), rows.tokens(), arena);
    var active = adapter.map(a -> ActiveAdapters.of(a, rows.tokens())).orElse(ActiveAdapters.NONE);
    var result = pass.run(Batch.pack(rows.sequences(), false), active);
    return result.logits(IntStream.range(0, rows.tokens()).toArray());
  }

  /**
   * Compares logits in BF16. Another order of sums rounds elsewhere, so that two runs that are both
   * right differ by the noise of both. What is asked is that ours is not noisier than the
   * reference: seen from the logits in F32, which have a golden case of their own.
   *
   * @param exact the model in F32
   * @param rounded the same weights in BF16
   * @param io with the reference's logits in BF16
   */
  static void checkRounded(Decoder exact, Decoder rounded, TensorFile io, Arena arena) {
    float[] expected = of(exact, Optional.empty(), io, arena);
    float[] own = of(rounded, Optional.empty(), io, arena);
    TensorFile.assertClose("logits", expected, own, Golden.tolerance("qlora.bf16.logits"));
    var rows = GoldenRows.of(io, "input_ids", "attention_mask");
    double reference = distance(expected, rows.kept(io.floats("logits")));
    double limit = reference * Golden.tolerance("qlora.bf16.noise");
    double noise = distance(expected, own);
    assertTrue(noise <= limit, "noise %.4f, the reference's %.4f".formatted(noise, reference));
  }

  /** Root of the mean square. */
  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.pow(a[i] - b[i], 2);
    }
    return Math.sqrt(sum / a.length);
  }
}
