package io.gatun.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.Nf4Dequantize;
import io.gatun.quant.checkpoint.BnbCodec;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import io.gatun.quant.checkpoint.TensorType;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightLoaderTest {
  private static final String BLOCK = "model.layers.0.";
  private static final List<String> QKV =
      List.of(
          BLOCK + "self_attn.q_proj.weight",
          BLOCK + "self_attn.k_proj.weight",
          BLOCK + "self_attn.v_proj.weight");

  private final Device device = Device.cpu();

  @TempDir Path folder;

  @AfterEach
  void nothingIsLeft() {
    device.close();
  }

  private float[] values(Weight weight) {
    try (var arena = Arena.ofConfined()) {
      if (weight instanceof Matrix m) {
        return HostCopy.readFloats(m);
      }
      var out = Matrix.allocate(device, "values", DType.F32, weight.rows(), weight.cols(), arena);
      Nf4Dequantize.run((Nf4Matrix) weight, out);
      return HostCopy.readFloats(out);
    }
  }

  private static float[] joined(Checkpoint model, List<String> names) {
    var all = new ArrayList<Float>();
    for (var name : names) {
      for (float v : model.readFloats(name)) {
        all.add(v);
      }
    }
    var values = new float[all.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = all.get(i);
    }
    return values;
  }

  /** A stored 4-bit layer keeps its bits, decodes to its values, and is written as it was. */
  @Test
  void storedFourBitLayers() {
    Golden.folders("qlora", "model.safetensors")
        .run(c -> {
          try (var arena = Arena.ofConfined()) {
            var model = Checkpoint.open(c.path(), arena);
            try (var loader = new WeightLoader(model, device, arena)) {
              for (var name : model.names()) {
                if (model.fourBit(name).isPresent()) {
                  var stored =
                      assertInstanceOf(
                          Nf4Matrix.class, loader.weight(List.of(name), WeightFormat.asStored()));
                  assertArrayEquals(model.readFloats(name), values(stored), name);
                  var dense = loader.weight(List.of(name), WeightFormat.f32());
                  assertArrayEquals(model.readFloats(name), values(dense), name);
                }
              }
              rewrite(c, model, loader);
            }
          }
        });
  }

  private void rewrite(Golden.Case c, Checkpoint model, WeightLoader loader) throws Exception {
    var tensors = new ArrayList<TensorData>();
    for (var name : model.names()) {
      var weight = loader.weight(List.of(name), WeightFormat.asStored());
      switch (weight) {
        case Nf4Matrix m -> tensors.addAll(BnbCodec.tensors(name, m.bands().getFirst()));
        case Matrix m -> tensors.add(TensorData.matrix(name, model.info(name).shape(), m));
      }
    }
    SafetensorsWriter.writeModel(folder, Long.MAX_VALUE, Map.of(), tensors);
    var written = folder.resolve("model.safetensors");
    assertEquals(-1, Files.mismatch(c.file("model.safetensors"), written));
  }

  /** q, k and v as one weight are what they are alone. */
  @Test
  void fusedWeightsKeepTheBitsOfTheirParts() {
    try (var arena = Arena.ofConfined()) {
      var model = Checkpoint.open(Golden.file("models/tiny_llama"), arena);
      try (var loader = new WeightLoader(model, device, arena)) {
        assertArrayEquals(joined(model, QKV), values(loader.weight(QKV, WeightFormat.f32())));
        for (var format :
            List.of(WeightFormat.nf4(), WeightFormat.nf4(false), WeightFormat.fp4(true))) {
          var fused = (Nf4Matrix) loader.weight(QKV, format);
          assertEquals(3, fused.bands().size());
          for (int i = 0; i < 3; i++) {
            var alone = (Nf4Matrix) loader.weight(List.of(QKV.get(i)), format);
            var expected = Written.of(alone.bands().getFirst()).parts();
            var actual = Written.of(fused.bands().get(i)).parts();
            expected.forEach((part, bytes) -> assertArrayEquals(bytes, actual.get(part), part));
          }
          checkError(QuantError.of(model, QKV, fused), joined(model, QKV), values(fused));
        }
        var bf16 = (Matrix) loader.weight(QKV, WeightFormat.bf16());
        float[] all = joined(model, QKV);
        for (int i = 0; i < all.length; i++) {
          all[i] = Float.intBitsToFloat(HostCopy.bf16(all[i]) << 16);
        }
        assertArrayEquals(all, values(bf16));
        assertEquals(
            new QuantError(0, 0),
            QuantError.of(model, QKV, loader.weight(QKV, WeightFormat.asStored())));
      }
    }
  }

  private static void checkError(QuantError error, float[] expected, float[] actual) {
    double square = 0;
    double squares = 0;
    double largest = 0;
    double most = 0;
    for (int i = 0; i < expected.length; i++) {
      double difference = (double) actual[i] - expected[i];
      square += difference * difference;
      squares += (double) expected[i] * expected[i];
      largest = Math.max(largest, Math.abs(difference));
      most = Math.max(most, Math.abs(expected[i]));
    }
    assertTrue(square > 0 && square < squares, error.toString());
    assertEquals(new QuantError(Math.sqrt(square / squares), largest / most), error);
  }

  /** Every stored type to every matrix type, in matrices of more than one piece. */
  @Test
  void typesAndPieces() {
    int rows = 3000;
    int cols = 1501;
    try (var arena = Arena.ofShared()) {
      var stored = new ArrayList<TensorData>();
      var wide = Matrix.allocate(device, "source", DType.F32, rows, cols, arena);
      HostCopy.write(wide, ramp(rows * cols));
      var shape = List.of((long) rows, (long) cols);
      stored.add(TensorData.matrix("F32", shape, wide));
      stored.add(
          new TensorData(
              "F64", TensorType.F64, List.of(2L, 2L), s -> s.accept(arena.allocate(32))));
      for (var type : List.of(DType.F16, DType.BF16)) {
        var narrow = Matrix.allocate(device, "source", type, rows, cols, arena);
        HostCopy.write(narrow, ramp(rows * cols));
        stored.add(TensorData.matrix(type.name(), shape, narrow));
      }
      SafetensorsWriter.writeModel(folder, Long.MAX_VALUE, Map.of(), stored);
      var model = Checkpoint.open(folder, arena);
      try (var loader = new WeightLoader(model, device, arena)) {
        for (var name : List.of("F32", "F16", "BF16")) {
          for (var type : DType.values()) {
            var loaded = loader.matrix(name, type);
            assertEquals(type, loaded.dtype());
            assertArrayEquals(
                rounded(type, model.readFloats(name)),
                HostCopy.readFloats(loaded),
                name + " to " + type);
          }
        }
        whatHasNoOneForm(loader);
      }
    }
  }

  private static void whatHasNoOneForm(WeightLoader loader) {
    assertEquals(2, loader.matrix("F64", DType.BF16).rows());
    assertThrows(
        CheckpointException.class, () -> loader.weight(List.of("F64"), WeightFormat.asStored()));
    assertThrows(
        CheckpointException.class,
        () -> loader.weight(List.of("F16", "F32"), WeightFormat.asStored()));
    assertThrows(
        CheckpointException.class, () -> loader.weight(List.of("F32", "F64"), WeightFormat.nf4()));
    assertThrows(CheckpointException.class, () -> loader.matrix("absent", DType.F32));
  }

  private static float[] ramp(int n) {
    var values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) Math.sin(i * 0.37) * (1 + i % 11);
    }
    return values;
  }

  private static float[] rounded(DType type, float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (type) {
            case F32 -> values[i];
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(values[i]));
            case BF16 -> Float.intBitsToFloat(HostCopy.bf16(values[i]) << 16);
          };
    }
    return values;
  }

  @Test
  void blockSizesOfBitsandbytesOnly() {
    for (int size : new int[] {0, 16, 63, 96, 8192, -64}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> new WeightFormat.FourBit(Nf4Matrix.Code.NF4, size, true));
    }
  }
}
