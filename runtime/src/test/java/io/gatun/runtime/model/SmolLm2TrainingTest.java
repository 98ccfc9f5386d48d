package io.gatun.runtime.model;

import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.ops.AdamW;
import io.gatun.kernels.ops.Nf4Quantize.NestedCode;
import io.gatun.kernels.ops.SquaredNorm;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.AdaptedLayer;
import io.gatun.runtime.adapter.AdapterGradients;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Training steps of the real model against golden data; see {@link SmolLm2Test}. */
class SmolLm2TrainingTest {
  @Test
  void fiveStepsOnNf4() throws IOException {
    SmolLm2Test.with(
        // the scales' codes of the reference are those of bitsandbytes' native library
        new WeightFormat.FourBit(
            Nf4Matrix.Code.NF4, WeightFormat.DEFAULT_BLOCK, true, NestedCode.BINNED),
        "qlora.safetensors",
        (decoder, golden, arena) -> {
          var adapter =
              LoraAdapter.create(decoder, LoraConfig.defaults().withRank(8, 16), 0, arena);
          closedFormInit(adapter);
          var prompt = golden.ints("row0.prompt");
          var batch = Batch.pack(List.of(row(golden, 0), row(golden, 1)), true);
          var pass =
              TrainPass.allocate(
                  decoder, adapter, batch.tokens(), decoder.config().layers(), arena);
          train(adapter, pass, batch, golden, arena);
          var eval = EvalPass.allocate(decoder, List.of(adapter), prompt.length, arena);
          var after =
              eval.run(
                  Batch.pack(List.of(Sequence.unlabelled(prompt)), false),
                  ActiveAdapters.of(adapter, prompt.length));
          checkAfter(golden.floats("last_logits_after"), after.logits(prompt.length - 1), arena);
        });
  }

  /**
   * AdamW makes full steps of gradients that are mostly rounding, so two computations in fp32 part
   * by more than either's error in one step. The judge is the same run in double precision: ours
   * must be as near to it as the reference's own fp32.
   */
  private static void checkAfter(float[] reference, float[] actual, Arena arena) {
    var exact = new TensorFile(Golden.file("smollm2/qlora_f64.safetensors"), arena);
    float[] expected = exact.floats("last_logits_after");
    double tolerance = largestDifference(expected, reference);
    System.out.printf(
        "smollm2 last_logits_after: ours %.2e, the reference %.2e from double precision; %.2e"
            + " apart%n",
        largestDifference(expected, actual), tolerance, largestDifference(reference, actual));
    assertClose("last_logits_after", expected, actual, tolerance);
  }

  private static double largestDifference(float[] a, float[] b) {
    assertEquals(a.length, b.length);
    return IntStream.range(0, a.length)
        .mapToDouble(i -> Math.abs((double) a[i] - b[i]))
        .max()
        .orElseThrow();
  }

  private static void train(
      LoraAdapter adapter, TrainPass pass, Batch batch, TensorFile golden, Arena arena) {
    var hyper = new AdamW.Hyper(1e-3, 0.9, 0.999, 1e-8, 0);
    Device device = adapter.parameters().buffer().device();
    int floats = adapter.parameters().cols();
    Matrix m = Matrix.allocate(device, "m", DType.F32, 1, floats, arena);
    Matrix v = Matrix.allocate(device, "v", DType.F32, 1, floats, arena);
    double[] losses = golden.doubles("losses");
    for (int step = 1; step <= losses.length; step++) {
      pass.gradients().zero();
      var loss = pass.run(batch, 0, step);
      assertEquals(
          losses[step - 1], loss.mean(), Golden.tolerance("smollm2.loss"), "loss of step " + step);
      float scale = (float) (1 / loss.weight());
      if (step <= 2) {
        checkGradients(adapter, pass.gradients(), scale, step == 1 ? "grad." : "grad2.", golden);
        checkNorm(pass.gradients(), scale, step == 1 ? "grad_norm" : "grad_norm_2", golden);
      }
      AdamW.step(adapter.parameters(), pass.gradients().sum(), m, v, hyper, step, scale);
    }
  }

  private static void checkNorm(
      AdapterGradients gradients, float scale, String name, TensorFile golden) {
    double expected = golden.floats(name)[0];
    double norm = Math.sqrt(SquaredNorm.run(gradients.sum())) * scale;
    assertEquals(expected, norm, Golden.tolerance("smollm2.gradient.relative") * expected, name);
  }

  private static void checkGradients(
      LoraAdapter adapter, AdapterGradients g, float scale, String prefix, TensorFile golden) {
    for (var name : golden.names().stream().filter(n -> n.startsWith(prefix)).toList()) {
      boolean ofA = name.endsWith(".lora_A");
      String path = name.substring(prefix.length(), name.length() - ".lora_A".length());
      AdaptedLayer layer =
          adapter.layers().stream()
              .filter(l -> l.linear().path().equals(path))
              .findFirst()
              .orElseThrow();
      float[] actual = HostCopy.readFloats(ofA ? g.a(layer) : g.b(layer));
      for (int i = 0; i < actual.length; i++) {
        actual[i] *= scale;
      }
      float[] expected = golden.floats(name);
      double tolerance = Golden.tolerance("smollm2.gradient.relative") * TensorFile.max(expected);
      assertClose(name, expected, actual, tolerance);
    }
  }

  /** A[j] = 0.02 sin(0.7 j + i) for the i-th linear layer; B = 0. */
  private static void closedFormInit(LoraAdapter adapter) {
    for (int i = 0; i < adapter.layers().size(); i++) {
      Matrix a = adapter.a(adapter.layers().get(i));
      float[] values = new float[a.rows() * a.cols()];
      for (int j = 0; j < values.length; j++) {
        values[j] = (float) (0.02 * Math.sin(0.7 * j + i));
      }
      HostCopy.write(a, values);
    }
  }

  private static Sequence row(TensorFile golden, int row) {
    int[] prompt = golden.ints("row" + row + ".prompt");
    int[] answer = golden.ints("row" + row + ".answer");
    int[] ids = IntStream.concat(IntStream.of(prompt), IntStream.of(answer)).toArray();
    float[] weights = new float[ids.length];
    Arrays.fill(weights, prompt.length, ids.length, 1);
    return new Sequence(ids, weights);
  }
}
