package io.gatun.runtime.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.TinyModel;
import io.gatun.runtime.model.UnsupportedException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoraAdapterTest {
  @TempDir Path folder;

  private static void with(String model, BiConsumer<Decoder, Arena> test) {
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      test.accept(TinyModel.load(model, DType.F32, device, arena), arena);
    }
  }

  @Test
  void initialValuesDependOnTheSeedOnly() {
    with(
        "tiny_llama",
        (decoder, arena) -> {
          var config = LoraConfig.defaults().withRank(4, 8);
          var one = LoraAdapter.create(decoder, config, 1, arena);
          var again = LoraAdapter.create(decoder, config, 1, arena);
          var other = LoraAdapter.create(decoder, config, 2, arena);
          assertArrayEquals(
              HostCopy.readFloats(one.parameters()), HostCopy.readFloats(again.parameters()));
          var layer = one.layers().getFirst();
          float[] a = HostCopy.readFloats(one.a(layer));
          assertFalse(java.util.Arrays.equals(a, HostCopy.readFloats(other.a(layer))));
          double squares = 0;
          for (float v : a) {
            assertTrue(Math.abs(v) <= 1 / Math.sqrt(64));
            squares += v * v;
          }
          double deviation = 1 / Math.sqrt(3 * 64.0);
          assertEquals(deviation, Math.sqrt(squares / a.length), deviation / 4);
          assertTrue(one.hasNoEffect());
          assertEquals(7808, one.parameterCount());
        });
  }

  @Test
  void otherInitializations() {
    with(
        "tiny_llama",
        (decoder, arena) -> {
          var gaussian = LoraAdapter.create(decoder, init(LoraConfig.Init.GAUSSIAN), 1, arena);
          double squares = 0;
          int count = 0;
          for (var layer : gaussian.layers()) {
            for (float v : HostCopy.readFloats(gaussian.a(layer))) {
              squares += v * v;
              count++;
            }
          }
          assertEquals(0.25, Math.sqrt(squares / count), 0.25 / 8);
          assertTrue(gaussian.hasNoEffect());
          assertFalse(
              LoraAdapter.create(decoder, init(LoraConfig.Init.NONZERO), 1, arena).hasNoEffect());
        });
  }

  private static LoraConfig init(LoraConfig.Init init) {
    return new LoraConfig(
        4,
        8,
        0,
        new ModuleFilter.AllLinear(),
        ModuleFilter.NONE,
        false,
        List.of(),
        List.of(),
        java.util.Map.of(),
        java.util.Map.of(),
        init,
        "",
        List.of());
  }

  @Test
  void savedIsLoadedBitForBit() {
    with(
        "tiny_llama",
        (decoder, arena) -> {
          var adapter = TinyModel.adapter(decoder, 0.1f, arena);
          adapter.save(folder);
          var loaded = LoraAdapter.load(folder, decoder, arena);
          assertArrayEquals(
              HostCopy.readFloats(adapter.parameters()), HostCopy.readFloats(loaded.parameters()));
          assertEquals(0.1f, loaded.config().dropout());
          assertTrue(Files.exists(folder.resolve("README.md")));
          adapter.save(folder);
        });
  }

  @Test
  void onlySomeSiblings() {
    with(
        "tiny_llama",
        (decoder, arena) -> {
          var config =
              LoraConfig.defaults().withRank(4, 8).withTargets(ModuleFilter.names("v_proj"));
          var adapter = TinyModel.adapter(decoder, config, arena);
          assertEquals(2, adapter.layers().size());
          var factors = adapter.factors(0, io.gatun.runtime.model.Projection.QKV).orElseThrow();
          assertEquals(96, factors.siblings().getFirst().firstRow());
          assertTrue(adapter.factors(0, io.gatun.runtime.model.Projection.DOWN).isEmpty());
        });
  }

  @Test
  void refusesAnAdapterOfAnotherModel() {
    with("tiny_llama", (decoder, arena) -> TinyModel.adapter(decoder, 0, arena).save(folder));
    with(
        "tiny_qwen3",
        (decoder, arena) -> {
          var problem =
              assertThrows(
                  CheckpointException.class, () -> LoraAdapter.load(folder, decoder, arena));
          assertTrue(problem.problems().size() > 1, problem.getMessage());
          assertTrue(problem.getMessage().contains("this base and rank need"));
        });
  }

  @Test
  void namesEveryMissingAndUnexpectedTensor() {
    with(
        "tiny_llama",
        (decoder, arena) -> {
          TinyModel.adapter(decoder, 0, arena).save(folder);
          var fewer =
              LoraConfig.defaults().withRank(4, 8).withTargets(ModuleFilter.names("q_proj"));
          write(AdapterConfigText.of(fewer, decoder.config()));
          var unexpected =
              assertThrows(
                  CheckpointException.class, () -> LoraAdapter.load(folder, decoder, arena));
          assertEquals(24, unexpected.problems().size());
          TinyModel.adapter(decoder, fewer, arena).save(folder);
          write(AdapterConfigText.of(LoraConfig.defaults().withRank(4, 8), decoder.config()));
          var missing =
              assertThrows(
                  CheckpointException.class, () -> LoraAdapter.load(folder, decoder, arena));
          assertEquals(24, missing.problems().size());
          assertTrue(missing.getMessage().contains("is missing"));
        });
  }

  private void write(String config) {
    try {
      Files.writeString(folder.resolve(AdapterConfigFile.NAME), config);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void refusesOtherModulesThatAreTrainedWhole() {
    with(
        "tiny_llama",
        (decoder, arena) -> {
          var config = LoraConfig.defaults().withModulesToSave(List.of("lm_head"));
          var problem =
              assertThrows(
                  UnsupportedException.class, () -> LoraAdapter.create(decoder, config, 1, arena));
          assertTrue(
              problem.getMessage().contains("modules_to_save names lm_head"), problem.getMessage());
        });
  }

  @Test
  void refusesPickles() throws IOException {
    write(AdapterConfigText.of(LoraConfig.defaults(), ModuleSelectionTest.MODEL));
    Files.write(folder.resolve("adapter_model.bin"), new byte[1]);
    with(
        "tiny_llama",
        (decoder, arena) -> {
          var problem =
              assertThrows(
                  CheckpointException.class, () -> LoraAdapter.load(folder, decoder, arena));
          assertTrue(problem.getMessage().contains("pickle"), problem.getMessage());
        });
  }

  @Test
  void refusesToMergeWhatIsNotFinite() {
    with(
        "tiny_llama",
        (decoder, arena) -> {
          var adapter = TinyModel.adapter(decoder, 0, arena);
          HostCopy.write(adapter.parameters().colSlice(3, 1), new float[] {Float.NaN});
          assertThrows(IllegalArgumentException.class, adapter::refuseNonFinite);
        });
  }
}
