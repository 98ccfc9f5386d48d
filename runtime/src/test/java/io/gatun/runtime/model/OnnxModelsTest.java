package io.gatun.runtime.model;

import static io.gatun.runtime.model.GoldenClassifier.flat;
import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.OnnxBert;
import io.gatun.runtime.text.TextException;
import io.gatun.runtime.text.Tokenizer;
import io.gatun.runtime.text.TokenizerExport;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models in ONNX files, alone and in archives, compute what they compute as folders. */
class OnnxModelsTest {
  @TempDir Path folder;

  /** The golden classifiers, known by their graphs alone. */
  @Test
  void goldenLogits() {
    Golden.folders("models", "config.json")
        .where(GoldenModelsTest::isClassifier)
        .run(c -> {
          try (Device device = Device.cpu();
              Arena arena = Arena.ofConfined()) {
            var source = Checkpoint.open(c.path(), arena);
            if (!source.config().path("model_type").asString().equals("bert")) {
              throw new Golden.Refused("no BERT model");
            }
            var io = new TensorFile(c.file("io.safetensors"), arena);
            for (boolean traced : new boolean[] {true, false}) {
              var jar = archive(OnnxBert.of(source, traced, ""), "{}");
              checkLogits(Checkpoint.open(jar, arena), source, io, device, arena);
            }
          }
        });
  }

  private static void checkLogits(
      Checkpoint onnx, Checkpoint source, TensorFile io, Device device, Arena arena) {
    int count = Labels.of(source).size();
    var golden = GoldenClassifier.of(io, source, count);
    var labels = golden.labels();
    var classifier = Classifier.load(onnx, labels, WeightFormat.f32(), DType.F32, device, arena);
    assertEquals(List.of(), classifier.config().newModules());
    var pass = PredictPass.allocate(classifier, List.of(), golden.batch().tokens(), arena);
    float[] logits = flat(pass.run(golden.batch(), Optional.empty()).logits());
    assertClose("logits", io.floats("logits"), logits, Golden.tolerance("logits"));
  }

  private Path archive(byte[] model, String tokenizer) throws IOException {
    var jar = folder.resolve("model.jar");
    try (var out = new ZipOutputStream(Files.newOutputStream(jar))) {
      out.putNextEntry(new ZipEntry("m.onnx"));
      out.write(model);
      out.putNextEntry(new ZipEntry("m-tokenizer.json"));
      out.write(tokenizer.getBytes(StandardCharsets.UTF_8));
    }
    return jar;
  }

  /** The tokenizer of an archive is that of its tokenizer.json, also where it is written again. */
  @Test
  void tokenizers() throws Exception {
    var file = Golden.file("tokenizers/wordpiece_bert/tokenizer.json");
    try (var arena = Arena.ofConfined();
        var expected = Tokenizer.load(file)) {
      var model = OnnxBert.of(Checkpoint.open(Golden.file("bare/tiny_bert"), arena), true, "");
      var jar = archive(model, Files.readString(file));
      var text = "the quick brown fox";
      var exported = Files.createDirectory(folder.resolve("exported"));
      TokenizerExport.write(Checkpoint.open(jar, arena), exported);
      for (var path : List.of(jar, exported)) {
        try (var actual = Tokenizer.load(path)) {
          assertArrayEquals(expected.encodeText(text, 64).ids(), actual.encodeText(text, 64).ids());
          assertEquals("[SEP]", actual.specialTokens().get("sep_token"));
        }
      }
      var beside = Files.write(folder.resolve("m.onnx"), model);
      var absent = assertThrows(TextException.class, () -> Tokenizer.load(beside));
      assertTrue(absent.getMessage().contains("has no tokenizer.json"), absent.getMessage());
      var broken = archive(model, "{}");
      var e = assertThrows(TextException.class, () -> Tokenizer.load(broken));
      assertTrue(e.getMessage().startsWith(broken + "!/m-tokenizer.json: not"), e.getMessage());
    }
  }
}
