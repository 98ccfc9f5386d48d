package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.gatun.kernels.DType;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

class BnbCodecTest {
  @TempDir Path folder;

  /** Reading a 4-bit checkpoint and writing it gives the reference's file, byte for byte. */
  @Test
  void rewritesTheReferencesFiles() {
    Golden.folders("qlora", "model.safetensors").run(this::rewrite);
  }

  private void rewrite(Golden.Case c) throws Exception {
    try (var arena = Arena.ofConfined()) {
      var model = Checkpoint.open(c.path(), arena);
      var tensors = new ArrayList<TensorData>();
      for (var name : model.names()) {
        tensors.addAll(
            model
                .fourBit(name)
                .map(t -> BnbCodec.tensors(name, t))
                .orElseGet(() -> copy(model, name)));
      }
      SafetensorsWriter.writeModel(folder, Long.MAX_VALUE, Map.of(), tensors);
      var written = folder.resolve("model.safetensors");
      assertEquals(-1, Files.mismatch(c.file("model.safetensors"), written));
      config(model);
    }
  }

  static List<TensorData> copy(Checkpoint model, String name) {
    var info = model.info(name);
    var type = TensorType.valueOf(info.dtype());
    return List.of(TensorData.of(name, type, info.shape(), model.raw(name).orElseThrow()));
  }

  private static void config(Checkpoint model) {
    var config = (ObjectNode) model.config();
    var section = config.remove("quantization_config");
    var code =
        Code.valueOf(section.path("bnb_4bit_quant_type").asString().toUpperCase(Locale.ROOT));
    var compute =
        switch (section.path("bnb_4bit_compute_dtype").asString()) {
          case "float32" -> DType.F32;
          case "float16" -> DType.F16;
          default -> DType.BF16;
        };
    boolean nested = section.path("bnb_4bit_use_double_quant").asBoolean();
    assertEquals(model.config(), BnbCodec.config(config, code, nested, compute));
    assertFalse(config.has("quantization_config"));
  }

  @Test
  void numbersAsPythonPrintsThem() {
    assertEquals("0.05164909362792969", BnbCodec.pythonText(0.05164909362792969));
    assertEquals("0.00048828125", BnbCodec.pythonText(0.00048828125));
    assertEquals("0.0001", BnbCodec.pythonText(1e-4));
    assertEquals("1e-05", BnbCodec.pythonText(1e-5));
    assertEquals("-1.5e-07", BnbCodec.pythonText(-1.5e-7));
    assertEquals("0.0", BnbCodec.pythonText(0));
    assertEquals("3.0", BnbCodec.pythonText(3));
    assertEquals("123456789.0", BnbCodec.pythonText(123456789));
    assertEquals("1e+16", BnbCodec.pythonText(1e16));
    assertEquals("1.5e+300", BnbCodec.pythonText(1.5e300));
  }
}
