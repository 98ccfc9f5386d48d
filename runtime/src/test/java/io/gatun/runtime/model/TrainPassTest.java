package io.gatun.runtime.model;

import static io.gatun.runtime.model.StepOutcome.assertAlike;
import static io.gatun.runtime.model.StepOutcome.assertSameBits;
import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.ops.Devices;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What must not change the gradients: how a step is cut, packed, recomputed, or spread over
 * threads.
 */
class TrainPassTest {
  private static StepOutcome run(
      Device device,
      String model,
      DType compute,
      float dropout,
      int kept,
      Function<List<Sequence>, List<Batch>> cut,
      List<Sequence> rows) {
    try (Arena arena = Arena.ofConfined()) {
      var decoder = TinyModel.load(model, compute, device, arena);
      var adapter = TinyModel.adapter(decoder, dropout, arena);
      return step(decoder, adapter, kept, cut.apply(rows), arena);
    }
  }

  private static StepOutcome step(
      Decoder decoder, LoraAdapter adapter, int kept, List<Batch> batches, Arena arena) {
    int tokens = batches.stream().mapToInt(Batch::tokens).max().orElseThrow();
    var pass = TrainPass.allocate(decoder, adapter, tokens, kept, arena);
    var loss = Loss.ZERO;
    for (var batch : batches) {
      loss = loss.plus(pass.run(batch, 5, 1));
    }
    return new StepOutcome(loss.sum(), HostCopy.readFloats(pass.gradients().sum()));
  }

  private static List<Batch> oneBatch(List<Sequence> rows) {
    return List.of(Batch.pack(rows, false));
  }

  private static List<Batch> shared(List<Sequence> rows) {
    return List.of(Batch.pack(rows, true));
  }

  private static List<Batch> oneByOne(List<Sequence> rows) {
    return rows.stream().map(row -> Batch.pack(List.of(row), false)).toList();
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void accumulationEqualsOneBigBatch(Devices.Place place) {
    var rows = TinyModel.rows(1, 3, 13, 29, 7, 1, 20);
    place.run((device, arena) -> {
      for (float dropout : new float[] {0, 0.3f}) {
        assertAlike(
            "dropout " + dropout,
            run(device, "tiny_llama", DType.F32, dropout, 2, TrainPassTest::oneBatch, rows),
            run(device, "tiny_llama", DType.F32, dropout, 2, TrainPassTest::oneByOne, rows));
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void aSharedPrefixChangesNothing(Devices.Place place) {
    var rows = TinyModel.rows(2, 17, 23, 40, 19, 30);
    assertTrue(shared(rows).getFirst().tokens() < oneBatch(rows).getFirst().tokens());
    new TinyModel.Each(TinyModel.DECODERS, place)
        .run((model, device, arena) -> {
          assertAlike(
              model,
              run(device, model, DType.F32, 0, 2, TrainPassTest::oneBatch, rows),
              run(device, model, DType.F32, 0, 2, TrainPassTest::shared, rows));
        });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void recomputingBlocksGivesTheSameBits(Devices.Place place) {
    var rows = TinyModel.rows(3, 2, 13, 29);
    new TinyModel.Each(TinyModel.DECODERS, place)
        .run((model, device, arena) -> {
          for (var compute : List.of(DType.F32, DType.BF16)) {
            var kept = run(device, model, compute, 0.3f, 2, TrainPassTest::oneBatch, rows);
            for (int blocks = 0; blocks < 2; blocks++) {
              assertSameBits(
                  model + " " + compute,
                  kept,
                  run(device, model, compute, 0.3f, blocks, TrainPassTest::oneBatch, rows));
            }
          }
        });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void weightsDecodedOnceGiveTheSameBits(Devices.Place place) {
    var rows = TinyModel.rows(3, 2, 13, 29);
    place.run((device, arena) -> {
      var files = Checkpoint.open(Golden.file("models/tiny_qwen2"), arena);
      var decoder = Decoder.load(files, WeightFormat.nf4(), DType.BF16, device, arena);
      for (float dropout : new float[] {0, 0.3f}) {
        var adapter = TinyModel.adapter(decoder, dropout, arena);
        var each = step(decoder, adapter, 0, oneByOne(rows), arena);
        for (int blocks = 1; blocks <= 2; blocks++) {
          var once = decoder.decoded(blocks, adapter, arena);
          assertSameBits("blocks " + blocks, each, step(once, adapter, 0, oneByOne(rows), arena));
        }
      }
    });
  }

  @Test
  void runsAndThreadsGiveTheSameBits() {
    var rows = TinyModel.rows(4, 2, 61, 29, 50);
    for (var compute : List.of(DType.F32, DType.BF16)) {
      var two = onCpu(2, compute, rows);
      for (int threads = 1; threads <= 2; threads++) {
        assertSameBits(compute + " with " + threads, two, onCpu(threads, compute, rows));
      }
    }
  }

  private static StepOutcome onCpu(int threads, DType compute, List<Sequence> rows) {
    try (Device device = Device.cpu(threads, CpuVariant.available().getLast())) {
      return run(device, "tiny_llama", compute, 0.1f, 2, TrainPassTest::oneBatch, rows);
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void bf16IsNearF32(Devices.Place place) {
    var rows = TinyModel.rows(5, 2, 61, 29, 50);
    new TinyModel.Each(TinyModel.DECODERS, place)
        .run((model, device, arena) -> {
          var exact = run(device, model, DType.F32, 0, 2, TrainPassTest::oneBatch, rows);
          var rounded = run(device, model, DType.BF16, 0, 2, TrainPassTest::oneBatch, rows);
          assertEquals(exact.loss(), rounded.loss(), Golden.tolerance("bf16.loss") * exact.loss());
          assertClose(
              model,
              exact.gradients(),
              rounded.gradients(),
              Golden.tolerance("bf16.gradient.relative") * TensorFile.max(exact.gradients()));
        });
  }

  /** (L(p + h g) - L(p - h g)) / 2h = |g|², along the gradient g of all parameters. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void finiteDifferencesWithDropout(Devices.Place place) {
    var rows = TinyModel.rows(6, 2, 13, 29, 7);
    place.run((device, arena) -> {
      for (float dropout : new float[] {0, 0.3f}) {
        var decoder = TinyModel.load("tiny_llama", DType.F32, device, arena);
        var adapter = TinyModel.adapter(decoder, dropout, arena);
        var gradient = step(decoder, adapter, 2, oneBatch(rows), arena).gradients();
        float[] parameters = HostCopy.readFloats(adapter.parameters());
        double square = 0;
        for (float g : gradient) {
          square += (double) g * g;
        }
        double h = Golden.tolerance("finite.step") / Math.sqrt(square);
        double above = moved(decoder, adapter, rows, parameters, gradient, h, arena);
        double below = moved(decoder, adapter, rows, parameters, gradient, -h, arena);
        assertEquals(
            square,
            (above - below) / (2 * h),
            Golden.tolerance("finite.relative") * square,
            "dropout " + dropout);
      }
    });
  }

  private static double moved(
      Decoder decoder,
      LoraAdapter adapter,
      List<Sequence> rows,
      float[] parameters,
      float[] gradient,
      double h,
      Arena arena) {
    float[] moved = parameters.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] += (float) (h * gradient[i]);
    }
    HostCopy.write(adapter.parameters(), moved);
    return step(decoder, adapter, 2, oneBatch(rows), arena).loss();
  }

  /** Where its configuration asks for that; then rows that begin alike are no longer alike. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void theWeightsOfAttentionAreDropped(Devices.Place place, @TempDir Path folder)
      throws IOException {
    TinyModel.writeWithDropout("models/tiny_llama", folder);
    place.run((device, arena) -> {
      var checkpoint = Checkpoint.open(folder, arena);
      var decoder = Decoder.load(checkpoint, WeightFormat.f32(), DType.F32, device, arena);
      var adapter = TinyModel.adapter(decoder, 0, arena);
      var rows = TinyModel.rows(2, 17, 19, 25, 18, 20);
      var together = step(decoder, adapter, 2, oneBatch(rows), arena);
      assertAlike("one by one", together, step(decoder, adapter, 0, oneByOne(rows), arena));
      var e =
          assertThrows(
              IllegalArgumentException.class, () -> step(decoder, adapter, 2, shared(rows), arena));
      assertEquals(
          "a shared prefix needs dropout 0, not 0.0 in the adapter and 0.3 in the base's attention",
          e.getMessage());
      var plain = decoder.withoutDropout();
      var undropped = step(plain, adapter, 2, shared(rows), arena);
      assertNotEquals(undropped.loss(), together.loss());
      assertAlike("without", undropped, step(plain, adapter, 2, oneBatch(rows), arena));
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void refusesSharingWithDropoutAndTooManyTokens(Devices.Place place) {
    place.run((device, arena) -> {
      var decoder = TinyModel.load("tiny_llama", DType.F32, device, arena);
      var adapter = TinyModel.adapter(decoder, 0.1f, arena);
      var pass = TrainPass.allocate(decoder, adapter, 64, 2, arena);
      var rows = TinyModel.rows(2, 17, 23, 20);
      assertThrows(IllegalArgumentException.class, () -> pass.run(Batch.pack(rows, true), 0, 1));
      var long65 = Batch.pack(List.of(Sequence.unlabelled(new int[65])), false);
      assertEquals(Loss.ZERO, pass.run(long65, 0, 1));
      var many = TinyModel.rows(2, 17, 23, 50);
      assertThrows(IllegalArgumentException.class, () -> pass.run(Batch.pack(many, false), 0, 1));
    });
  }
}
