package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import io.gatun.quant.RealModel;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class GgufModelTest {
  /** Settings that decide what a Llama computes. */
  private static final List<String> SETTINGS =
      List.of(
          "architectures",
          "model_type",
          "vocab_size",
          "hidden_size",
          "intermediate_size",
          "num_hidden_layers",
          "num_attention_heads",
          "num_key_value_heads",
          "head_dim",
          "max_position_embeddings",
          "rms_norm_eps",
          "hidden_act",
          "attention_bias",
          "mlp_bias",
          "tie_word_embeddings",
          "rope_parameters");

  /** A GGUF file holds the tensors and the settings of the model it was made from. */
  @Test
  void equalsTheModelItWasMadeFrom() {
    Golden.files("gguf", "*.gguf")
        .run(c -> {
          try (var arena = Arena.ofConfined()) {
            if (Gguf.open(c.path(), arena).string("general.type").equals(Optional.of("adapter"))) {
              var e =
                  assertThrows(CheckpointException.class, () -> Checkpoint.open(c.path(), arena));
              assertTrue(e.getMessage().contains("adapter"), e.getMessage());
              return;
            }
            compare(Checkpoint.open(c.path(), arena), Checkpoint.open(origin(c), arena));
          }
        });
  }

  /** models/tiny_llama for gguf/tiny_llama_q8_0.gguf. */
  private static Path origin(Golden.Case c) {
    for (var name = c.name(); name.contains("_"); name = name.substring(0, name.lastIndexOf('_'))) {
      var reference = "models/" + name;
      try {
        return c.resolve(reference);
      } catch (Golden.Refused _) {
        // a shorter name
      }
    }
    throw new Golden.Refused("no model has the name's start");
  }

  private static void compare(Checkpoint gguf, Checkpoint model) {
    assertEquals(new TreeSet<>(model.names()), new TreeSet<>(gguf.names()));
    for (var name : model.names()) {
      assertEquals(model.info(name).shape(), gguf.info(name).shape(), name);
      var expected = model.readFloats(name);
      requantize(gguf.info(name).dtype(), expected);
      assertArrayEquals(expected, gguf.readFloats(name), name);
    }
    for (var key : SETTINGS) {
      assertEquals(model.config().path(key).toString(), gguf.config().path(key).toString(), key);
    }
    assertInstanceOf(TokenizerSource.Metadata.class, gguf.tokenizer());
  }

  /** What remains of values that were stored in a type. */
  private static void requantize(String dtype, float[] values) {
    switch (dtype) {
      case "F32" -> {}
      case "F16" -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = half(values[i]);
        }
      }
      case "Q8_0" -> {
        for (int at = 0; at < values.length; at += 32) {
          q8(values, at);
        }
      }
      default -> throw new Golden.Refused("the test does not quantize to " + dtype);
    }
  }

  /** d = max / 127; q = round half away (x / d). */
  private static void q8(float[] x, int at) {
    float max = 0;
    for (int i = 0; i < 32; i++) {
      max = Math.max(max, Math.abs(x[at + i]));
    }
    float d = max / 127;
    float inverse = d == 0 ? 0 : 1 / d;
    for (int i = at; i < at + 32; i++) {
      float scaled = x[i] * inverse;
      int q = (int) Math.copySign(Math.floor(Math.abs(scaled) + 0.5), scaled);
      x[i] = q * half(d);
    }
  }

  private static float half(float x) {
    return Float.float16ToFloat(Float.floatToFloat16(x));
  }

  @Test
  void theRealModel() {
    var file = RealModel.file();
    try (var arena = Arena.ofShared()) {
      var model = Checkpoint.open(file, arena);
      assertEquals(30 * 9 + 2, model.names().size());
      var config = model.config();
      assertTrue(config.path("tie_word_embeddings").asBoolean());
      assertEquals(100000, config.path("rope_parameters").path("rope_theta").asInt());
      assertEquals(2, config.path("eos_token_id").asInt());
      assertEquals(1e-5, config.path("rms_norm_eps").asDouble());
      var tokenizer = assertInstanceOf(TokenizerSource.Metadata.class, model.tokenizer());
      assertEquals(49152, tokenizer.file().strings("tokenizer.ggml.tokens").size());
    }
  }
}
