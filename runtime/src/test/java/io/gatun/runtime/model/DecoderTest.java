package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.ops.Devices;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Loading names everything that is wrong, once. */
class DecoderTest {
  @TempDir Path folder;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void allProblemsInOneException(Devices.Place place) throws IOException {
    writeBroken();
    place.run((device, arena) -> {
      var broken = Checkpoint.open(folder, arena);
      var problem =
          assertThrows(
              CheckpointException.class,
              () -> Decoder.load(broken, WeightFormat.f32(), DType.F32, device, arena));
      assertEquals(
          List.of(
              "tensor model.norm.weight is missing",
              "tensor lm_head.weight is [64, 128], config.json says [128, 64]",
              "tensor model.extra is not part of this model"),
          problem.problems());
      assertEquals(0, device.memory().allocated());
    });
  }

  private void writeBroken() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      var source = Checkpoint.open(Golden.file("models/tiny_llama"), arena);
      var tensors = new ArrayList<TensorData>();
      for (var name : source.names()) {
        if (!name.equals("model.norm.weight")) {
          boolean wrong = name.equals("lm_head.weight");
          tensors.add(
              TensorData.floats(
                  name,
                  wrong ? List.of(64L, 128L) : source.info(name).shape(),
                  () -> source.readFloats(name)));
        }
      }
      tensors.add(TensorData.floats("model.extra", List.of(1L), () -> new float[1]));
      SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), tensors);
      Files.copy(
          Golden.file("models/tiny_llama").resolve("config.json"), folder.resolve("config.json"));
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void computesInF32OrBf16(Devices.Place place) {
    place.run((device, arena) -> {
      var source = Checkpoint.open(Golden.file("models/tiny_llama"), arena);
      var problem =
          assertThrows(
              IllegalArgumentException.class,
              () -> Decoder.load(source, WeightFormat.f32(), DType.F16, device, arena));
      assertTrue(problem.getMessage().contains("F32 or BF16"));
    });
  }
}
