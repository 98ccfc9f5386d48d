package io.gatun.runtime.model;

import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.ActiveAdapters;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * The golden data of the real model, where {@code -Dgatun.models} names the folder that holds it.
 */
class SmolLm2Test {
  private static final String FILE = "smollm2-135m-instruct-q4_1.gguf";

  /** A test of the loaded model. */
  interface Check {
    void run(Decoder decoder, TensorFile golden, Arena arena) throws IOException;
  }

  static void with(WeightFormat format, String file, Check check) throws IOException {
    Path model = Path.of(System.getProperty("gatun.models", ""), FILE);
    if (!Files.isRegularFile(model)) {
      String message = "SKIPPED: " + FILE + " is not in -Dgatun.models";
      assertTrue(!"true".equals(System.getenv("CI")), message);
      System.out.println(message);
      assumeTrue(false, message);
    }
    try (Device device = Device.cpu();
        Arena arena = Arena.ofShared()) {
      var decoder = Decoder.load(Checkpoint.open(model, arena), format, DType.F32, device, arena);
      check.run(decoder, new TensorFile(Golden.file("smollm2/" + file), arena), arena);
    }
  }

  @Test
  void logitsAndHiddenStates() throws IOException {
    with(
        WeightFormat.f32(),
        "logits.safetensors",
        (decoder, golden, arena) -> {
          var pass = EvalPass.allocate(decoder, List.of(), 128, arena);
          for (int prompt = 0; golden.has(prompt + ".input_ids"); prompt++) {
            int[] ids = golden.ints(prompt + ".input_ids");
            var batch = Batch.pack(List.of(Sequence.unlabelled(ids)), false);
            checkPrompt(prompt + ".", ids, pass.run(batch, ActiveAdapters.NONE), golden);
          }
        });
  }

  private static void checkPrompt(
      String prompt, int[] ids, EvalPass.Result result, TensorFile golden) {
    double tolerance = Golden.tolerance("smollm2.logits");
    float[] max = new float[ids.length];
    float[] logSumExp = new float[ids.length];
    float[] nll = new float[ids.length - 1];
    int[] argmax = golden.ints(prompt + "argmax");
    for (int t = 0; t < ids.length; t++) {
      float[] logits = result.logits(t);
      max[t] = max(logits);
      logSumExp[t] = (float) logSumExp(logits);
      assertTrue(logits[argmax[t]] >= max[t] - 2 * tolerance, prompt + "argmax at " + t);
      if (t + 1 < ids.length) {
        nll[t] = (float) (logSumExp(logits) - logits[ids[t + 1]]);
      }
    }
    assertClose(prompt + "max", golden.floats(prompt + "max"), max, tolerance);
    assertClose(prompt + "logsumexp", golden.floats(prompt + "logsumexp"), logSumExp, tolerance);
    assertClose(prompt + "nll", golden.floats(prompt + "nll"), nll, tolerance);
    String last = prompt + "last_logits";
    assertClose(last, golden.floats(last), result.logits(ids.length - 1), tolerance);
    checkHidden(prompt + "hidden_rms", ids.length, result, golden);
  }

  private static void checkHidden(
      String name, int tokens, EvalPass.Result result, TensorFile golden) {
    float[] expected = golden.floats(name);
    int layers = expected.length / tokens - 1;
    float[] actual = new float[expected.length];
    for (int layer = 0; layer <= layers; layer++) {
      float[] hidden = layer < layers ? result.hidden(layer) : result.normed();
      int width = hidden.length / tokens;
      for (int t = 0; t < tokens; t++) {
        double squares = 0;
        for (int j = 0; j < width; j++) {
          squares += (double) hidden[t * width + j] * hidden[t * width + j];
        }
        actual[layer * tokens + t] = (float) Math.sqrt(squares / width);
      }
    }
    for (int i = 0; i < expected.length; i++) {
      double tolerance =
          Golden.tolerance("smollm2.hidden")
              + Golden.tolerance("smollm2.hidden.relative") * expected[i];
      assertEquals(expected[i], actual[i], tolerance, name + " element " + i);
    }
  }

  @Test
  void greedyText() throws IOException {
    with(
        WeightFormat.f32(),
        "logits.safetensors",
        (decoder, _, arena) -> {
          JsonNode cases =
              new ObjectMapper().readTree(Files.readString(Golden.file("smollm2/generate.json")));
          var cache = KvCache.allocate(decoder, cases.size(), 160, 0, arena);
          var pass = DecodePass.allocate(decoder, cache, List.of(), 256, arena);
          var feeds = new ArrayList<Feed>();
          for (int i = 0; i < cases.size(); i++) {
            feeds.add(new Feed(i, ints(cases.get(i).path("prompt_ids")), Optional.empty()));
          }
          for (int step = 0; !feeds.isEmpty(); step++) {
            var logits = pass.run(feeds);
            var next = new ArrayList<Feed>();
            for (int f = 0; f < feeds.size(); f++) {
              int sequence = feeds.get(f).sequence();
              var golden = cases.get(sequence);
              if (agrees(golden, step, argmax(logits.get(f)), "prompt " + sequence)) {
                int id = golden.path("greedy_ids").get(step).intValue();
                next.add(new Feed(sequence, new int[] {id}, Optional.empty()));
              }
            }
            feeds = next;
          }
        });
  }

  /** Whether the greedy text goes on; where two tokens are all but equal, it may part. */
  private static boolean agrees(JsonNode golden, int step, int chosen, String what) {
    int expected = golden.path("greedy_ids").get(step).intValue();
    double margin = golden.path("top1_minus_top2").get(step).doubleValue();
    if (chosen != expected && margin < Golden.tolerance("smollm2.margin")) {
      return false;
    }
    assertEquals(expected, chosen, what + " at step " + step);
    return step + 1 < golden.path("greedy_ids").size();
  }

  private static int[] ints(JsonNode list) {
    return IntStream.range(0, list.size()).map(i -> list.get(i).intValue()).toArray();
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  private static float max(float[] logits) {
    return logits[argmax(logits)];
  }

  private static double logSumExp(float[] logits) {
    double max = max(logits);
    double sum = 0;
    for (float l : logits) {
      sum += Math.exp(l - max);
    }
    return max + Math.log(sum);
  }
}
