package io.gatun.runtime.adapter;

import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.AdamW;
import io.gatun.kernels.ops.Devices;
import io.gatun.kernels.ops.SquaredNorm;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.model.Batch;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.EvalPass;
import io.gatun.runtime.model.GoldenModelsTest;
import io.gatun.runtime.model.GoldenRows;
import io.gatun.runtime.model.TensorFile;
import io.gatun.runtime.model.TrainPass;
import io.gatun.runtime.model.UnsupportedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * PEFT's adapters: logits, every gradient, weights after one and five steps of AdamW, losses,
 * merged weights.
 */
class GoldenAdaptersTest {
  private static final AdamW.Hyper HYPER = new AdamW.Hyper(1e-3, 0.9, 0.999, 1e-8, 0.01);

  @TempDir Path folder;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#variantsAndCuda")
  void peft(Devices.Place place) {
    Golden.folders("peft", "adapter_config.json")
        .where(c -> !isClassifier(c))
        .on(place)
        .sparing(GoldenAdaptersTest::architecture)
        .run((c, device, arena) -> {
          var base = base(c);
          var decoder = GoldenModelsTest.load(base, WeightFormat.f32(), DType.F32, device, arena);
          var adapter = load(c.path(), decoder, arena);
          var io = new TensorFile(c.file("io.safetensors"), arena);
          compare(decoder, Optional.of(adapter), io, "logits", "logits", arena);
          compare(decoder, Optional.empty(), io, "logits_base", "logits", arena);
          var merged = decoder.merged(adapter, WeightFormat.f32(), arena);
          compare(merged, Optional.empty(), io, "logits_merged", "merged", arena);
          checkMergedFiles(base, adapter, "merged.", "", io, arena);
          checkTraining(decoder, adapter, io, arena);
        });
  }

  /** The model of a case that is an adapter. */
  static Path base(Golden.Case c) {
    return base(c, c.path());
  }

  /** The model that an adapter's adapter_config.json names. */
  static Path base(Golden.Case c, Path adapter) {
    var config = json(adapter.resolve("adapter_config.json"));
    return c.resolve(config.path("base_model_name_or_path").asString(""));
  }

  static String architecture(Golden.Case c) {
    return GoldenModelsTest.architecture(base(c));
  }

  static boolean isClassifier(Golden.Case c) {
    return json(c.file("adapter_config.json")).path("task_type").asString("").equals("SEQ_CLS");
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#variantsAndCuda")
  void qlora(Devices.Place place) {
    Golden.folders("qlora", "io.safetensors")
        .on(place)
        .run((c, device, arena) -> {
          if (Files.exists(c.file("case.json"))) {
            checkQlora(c, device, arena);
          } else {
            checkStoredInFourBit(c, device, arena);
          }
        });
  }

  /** A bitsandbytes checkpoint. */
  private static void checkStoredInFourBit(Golden.Case c, Device device, Arena arena) {
    var quantization = json(c.file("config.json")).path("quantization_config");
    boolean rounded = quantization.path("bnb_4bit_compute_dtype").asString("").equals("bfloat16");
    var compute = rounded ? DType.BF16 : DType.F32;
    var decoder = GoldenModelsTest.load(c.path(), WeightFormat.nf4(), compute, device, arena);
    var io = new TensorFile(c.file("io.safetensors"), arena);
    String tolerance = rounded ? "qlora.bf16.logits" : "qlora.logits";
    compare(decoder, Optional.empty(), io, "logits", tolerance, arena);
  }

  /** An adapter on a 4-bit base. */
  private void checkQlora(Golden.Case c, Device device, Arena arena) {
    var parts = json(c.file("case.json"));
    var base = c.resolve(parts.path("base").asString(""));
    var decoder = GoldenModelsTest.load(base, WeightFormat.nf4(), DType.F32, device, arena);
    var adapter = load(c.resolve(parts.path("adapter").asString("")), decoder, arena);
    var io = new TensorFile(c.file("io.safetensors"), arena);
    compare(decoder, Optional.of(adapter), io, "logits", "qlora.logits", arena);
    var rows = GoldenRows.of(io, "input_ids", "attention_mask");
    var batch = Batch.pack(rows.labelled(io.rows("labels")), false);
    var pass = TrainPass.allocate(decoder, adapter, rows.tokens(), 0, arena);
    var loss = pass.run(batch, 0, 1);
    assertEquals(io.floats("loss")[0], loss.mean(), Golden.tolerance("loss"), "loss");
    float scale = (float) (1 / loss.weight());
    checkGradients(adapter, pass.gradients(), scale, "qlora.gradient.relative", io);
    String dequantized = "logits_merged_dequantized_base";
    var merged = decoder.merged(adapter, WeightFormat.f32(), arena);
    compare(merged, Optional.empty(), io, dequantized, "qlora.logits", arena);
    checkMergedFiles(base, adapter, "merged_fp32.", ".weight", io, arena);
    var again = decoder.merged(adapter, WeightFormat.nf4(), arena);
    compare(again, Optional.empty(), io, "logits_merged_requantized", "qlora.logits", arena);
  }

  /** The tensors of a merge to files, whose base has the form that the adapter was trained on. */
  private void checkMergedFiles(
      Path base, LoraAdapter adapter, String prefix, String suffix, TensorFile io, Arena arena) {
    var source = Checkpoint.open(base, arena);
    new MergedModel(source, WeightFormat.f32(), adapter, DType.F32)
        .write(folder, MergedModel.SHARD_BYTES);
    var written = Checkpoint.open(folder, arena);
    for (var name : io.names()) {
      if (name.startsWith(prefix)) {
        assertClose(
            name,
            io.floats(name),
            written.readFloats(name.substring(prefix.length()) + suffix),
            Golden.tolerance("merged"));
      }
    }
  }

  static JsonNode json(Path file) {
    try {
      return new ObjectMapper().readTree(Files.readString(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Loads, or says why the case is refused. */
  static LoraAdapter load(Path folder, Decoder decoder, Arena arena) {
    try {
      return LoraAdapter.load(folder, decoder, arena);
    } catch (UnsupportedException e) {
      throw new Golden.Refused(e.getMessage());
    }
  }

  /** Logits of the golden batch where the mask is 1. */
  static void compare(
      Decoder decoder,
      Optional<LoraAdapter> adapter,
      TensorFile io,
      String name,
      String tolerance,
      Arena arena) {
    var rows = GoldenRows.of(io, "input_ids", "attention_mask");
    var pass = EvalPass.allocate(decoder, adapter.stream().toList(), rows.tokens(), arena);
    var active = adapter.map(a -> ActiveAdapters.of(a, rows.tokens())).orElse(ActiveAdapters.NONE);
    var result = pass.run(Batch.pack(rows.sequences(), false), active);
    int[] all = IntStream.range(0, rows.tokens()).toArray();
    assertClose(name, rows.kept(io.floats(name)), result.logits(all), Golden.tolerance(tolerance));
  }

  private static void checkTraining(
      Decoder decoder, LoraAdapter adapter, TensorFile io, Arena arena) {
    var rows = GoldenRows.of(io, "input_ids", "attention_mask");
    var batch = Batch.pack(rows.labelled(io.rows("labels")), false);
    var pass =
        TrainPass.allocate(decoder, adapter, rows.tokens(), decoder.config().layers(), arena);
    var moments = new Moments(adapter, arena);
    double[] losses = io.doubles("losses");
    for (int step = 1; step <= losses.length; step++) {
      pass.gradients().zero();
      var loss = pass.run(batch, 0, step);
      assertEquals(losses[step - 1], loss.mean(), Golden.tolerance("loss"), "loss " + step);
      float scale = (float) (1 / loss.weight());
      if (step == 1) {
        checkGradients(adapter, pass.gradients(), scale, "gradient.relative", io);
      }
      moments.step(adapter, pass.gradients(), step, scale);
      if (step == 1 || step == 5) {
        checkWeights(adapter, io, "step" + step + ".");
      }
    }
  }

  static void checkGradients(
      LoraAdapter adapter,
      AdapterGradients gradients,
      float scale,
      String relative,
      TensorFile io) {
    for (var layer : adapter.layers()) {
      String module = "grad.base_model.model." + layer.linear().path();
      checkGradient(module + ".lora_A.weight", gradients.a(layer), scale, relative, io);
      checkGradient(module + ".lora_B.weight", gradients.b(layer), scale, relative, io);
    }
    if (io.has("grad_global_norm")) {
      double norm = Math.sqrt(SquaredNorm.run(gradients.sum())) * scale;
      float expected = io.floats("grad_global_norm")[0];
      assertEquals(expected, norm, Golden.tolerance("gradient.relative") * expected, "global norm");
    }
  }

  static void checkGradient(
      String name, Matrix gradient, float scale, String relative, TensorFile io) {
    float[] expected = io.floats(name);
    float[] actual = HostCopy.readFloats(gradient);
    for (int i = 0; i < actual.length; i++) {
      actual[i] *= scale;
    }
    double tolerance =
        Golden.tolerance(relative) * TensorFile.max(expected)
            + Golden.tolerance("gradient.absolute");
    assertClose(name, expected, actual, tolerance);
  }

  static void checkWeights(LoraAdapter adapter, TensorFile io, String prefix) {
    for (var layer : adapter.layers()) {
      String module = prefix + "base_model.model." + layer.linear().path();
      double tolerance = Golden.tolerance("step");
      String a = module + ".lora_A.weight";
      String b = module + ".lora_B.weight";
      checkWeight(a, adapter.a(layer), tolerance, io);
      checkWeight(b, adapter.b(layer), tolerance, io);
    }
  }

  /** A weight after some steps. */
  static void checkWeight(String name, Matrix weight, double tolerance, TensorFile io) {
    if (name.startsWith("step1.")) {
      takeNoise(name, weight, io);
    }
    assertClose(name, io.floats(name), HostCopy.readFloats(weight), tolerance);
  }

  /**
   * Elements whose first gradient is rounding only take the golden value after the first step, from
   * which the next ones go on.
   */
  private static void takeNoise(String name, Matrix weight, TensorFile io) {
    float[] expected = io.floats(name);
    float[] actual = HostCopy.readFloats(weight);
    float[] gradient = io.floats(name.replace("step1.", "grad."));
    double floor = Golden.tolerance("step.gradient.floor") * TensorFile.max(gradient);
    int noise = 0;
    for (int i = 0; i < gradient.length; i++) {
      if (gradient[i] != 0 && Math.abs(gradient[i]) < floor) {
        actual[i] = expected[i];
        noise++;
      }
    }
    assertTrue(noise <= gradient.length / 256, name + ": rounding in " + noise + " gradients");
    HostCopy.write(weight, actual);
  }

  /** The state of AdamW. */
  static final class Moments {
    private final Matrix m;
    private final Matrix v;

    Moments(LoraAdapter adapter, Arena arena) {
      Device device = adapter.parameters().buffer().device();
      int floats = adapter.parameters().cols();
      this.m = Matrix.allocate(device, "m", DType.F32, 1, floats, arena);
      this.v = Matrix.allocate(device, "v", DType.F32, 1, floats, arena);
    }

    void step(LoraAdapter adapter, AdapterGradients gradients, int step, float scale) {
      AdamW.step(adapter.parameters(), gradients.sum(), m, v, HYPER, step, scale);
    }
  }
}
