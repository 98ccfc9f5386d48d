package io.gatun.runtime.model;

import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.ops.Devices;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.ActiveAdapters;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The golden models: logits, hidden states and losses of every family, on every variant of the CPU
 * kernels and on a GPU.
 */
public class GoldenModelsTest {

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#variantsAndCuda")
  void models(Devices.Place place) {
    Golden.folders("models", "config.json")
        .where(c -> !isClassifier(c))
        .on(place)
        .sparing(GoldenModelsTest::architecture)
        .run((c, device, arena) -> {
          var io = new TensorFile(c.file("io.safetensors"), arena);
          var decoder = load(c.path(), WeightFormat.f32(), DType.F32, device, arena);
          checkAll(decoder, io, arena);
          var rounded = load(c.path(), WeightFormat.bf16(), DType.BF16, device, arena);
          checkRounded(rounded, io, arena);
        });
  }

  /** Whether a case is a classifier, by what its config.json says. */
  public static boolean isClassifier(Golden.Case c) {
    return architecture(c).endsWith("ForSequenceClassification");
  }

  /** What the config.json of a case calls its model. */
  public static String architecture(Golden.Case c) {
    return architecture(c.path());
  }

  /** What the config.json of a model calls it. */
  public static String architecture(Path model) {
    try (var arena = Arena.ofConfined()) {
      var config = Checkpoint.open(model, arena).config();
      return config.path("architectures").path(0).asString("");
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#variantsAndCuda")
  void gguf(Devices.Place place) {
    Golden.files("gguf", "*.gguf")
        .where(c -> Files.exists(io(c.path())))
        .on(place)
        .run((c, device, arena) -> {
          var io = new TensorFile(io(c.path()), arena);
          var decoder = load(c.path(), WeightFormat.f32(), DType.F32, device, arena);
          checkLogits(decoder, io, "", arena, Golden.tolerance("logits"));
        });
  }

  @Test
  void shapesCountTheParametersOfTheFiles() {
    Golden.folders("models", "config.json")
        .run(c -> {
          try (var arena = Arena.ofConfined()) {
            var files = Checkpoint.open(c.path(), arena);
            var config =
                isClassifier(c)
                    ? ClassifierConfig.of(files, Labels.of(files))
                    : DecoderConfig.of(files);
            long elements = files.names().stream().mapToLong(n -> files.info(n).elements()).sum();
            assertEquals(elements, config.parameters());
          }
        });
  }

  private static Path io(Path gguf) {
    return gguf.resolveSibling(gguf.getFileName().toString().replace(".gguf", ".io.safetensors"));
  }

  /** Loads, or says why the case is refused. */
  public static Decoder load(
      Path path, WeightFormat format, DType compute, Device device, Arena arena) {
    try {
      return Decoder.load(Checkpoint.open(path, arena), format, compute, device, arena);
    } catch (UnsupportedException e) {
      throw new Golden.Refused(e.getMessage());
    }
  }

  private static void checkAll(Decoder decoder, TensorFile io, Arena arena) {
    double tolerance = Golden.tolerance("logits");
    checkLogits(decoder, io, "", arena, tolerance);
    checkLogits(decoder, io, "_right", arena, tolerance);
    checkLogits(decoder, io, "_left", arena, tolerance);
    if (io.has("input_ids_long")) {
      checkLogits(decoder, io, "_long", arena, tolerance);
    }
    assertClose("inv_freq", io.floats("inv_freq"), decoder.config().rope().frequencies(1), 0);
    checkHiddenAndLoss(decoder, io, arena);
  }

  private static void checkRounded(Decoder decoder, TensorFile io, Arena arena) {
    checkLogits(decoder, io, "", arena, Golden.tolerance("bf16.logits"));
  }

  /**
   * Logits where the mask is 1. There is no padding here: each row is run without it. With padding
   * on the left the reference counts positions from the first pad; rotation depends on differences
   * of positions only, so that logits are the same.
   */
  public static void checkLogits(
      Decoder decoder, TensorFile io, String suffix, Arena arena, double tolerance) {
    var rows = GoldenRows.of(io, "input_ids" + suffix, "mask" + suffix);
    var pass = EvalPass.allocate(decoder, List.of(), rows.tokens(), arena);
    var result = pass.run(Batch.pack(rows.sequences(), false), ActiveAdapters.NONE);
    int[] all = IntStream.range(0, rows.tokens()).toArray();
    float[] expected = rows.kept(io.floats("logits" + suffix));
    assertClose("logits" + suffix, expected, result.logits(all), tolerance);
  }

  private static void checkHiddenAndLoss(Decoder decoder, TensorFile io, Arena arena) {
    var rows = GoldenRows.of(io, "input_ids_right", "mask_right");
    var batch = Batch.pack(rows.labelled(io.rows("labels")), false);
    var result =
        EvalPass.allocate(decoder, List.of(), rows.tokens(), arena).run(batch, ActiveAdapters.NONE);
    double tolerance = Golden.tolerance("hidden");
    int layers = decoder.config().layers();
    for (int layer = 0; layer < layers; layer++) {
      String name = "hidden." + layer;
      assertClose(name, rows.kept(io.floats(name)), result.hidden(layer), tolerance);
    }
    String last = "hidden." + layers;
    assertClose(last, rows.kept(io.floats(last)), result.normed(), tolerance);
    var loss = result.loss();
    assertEquals(io.floats("loss")[0], loss.mean(), Golden.tolerance("loss"), "loss");
    assertEquals(
        io.floats("loss_num_items_50")[0], loss.sum() / 50, Golden.tolerance("loss"), "loss / 50");
  }
}
