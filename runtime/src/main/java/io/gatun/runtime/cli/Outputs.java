package io.gatun.runtime.cli;

import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.LogitDifference;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Batch;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.EvalPass;
import io.gatun.runtime.model.Sequence;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What a model makes of some texts.
 *
 * @param texts tokens of each
 * @param logits of every position, text after text
 * @param hidden for each layer and text, the hidden state after that layer
 */
record Outputs(List<int[]> texts, List<float[]> logits, List<List<float[]>> hidden) {
  static final String HEADER =
      "%-36s %11s %11s %11s %11s  %s"
          .formatted("merged into", "max abs", "RMS", "mean KL", "max KL", "top-1 flips");

  /** Runs every text by itself. */
  static Outputs of(Decoder decoder, Optional<LoraAdapter> adapter, List<int[]> texts) {
    int longest = texts.stream().mapToInt(ids -> ids.length).max().orElseThrow();
    var logits = new ArrayList<float[]>();
    var hidden = new ArrayList<List<float[]>>();
    try (var memory = Arena.ofConfined()) {
      var pass = EvalPass.allocate(decoder, adapter.stream().toList(), longest, memory);
      for (int[] ids : texts) {
        var batch = Batch.pack(List.of(new Sequence(ids, new float[ids.length])), false);
        var active =
            adapter.map(lora -> ActiveAdapters.of(lora, ids.length)).orElse(ActiveAdapters.NONE);
        var result = pass.run(batch, active);
        for (int row = 0; row < ids.length; row++) {
          logits.add(result.logits(row));
        }
        var states = new ArrayList<float[]>();
        for (int layer = 1; layer <= decoder.config().layers(); layer++) {
          states.add(result.hidden(layer));
        }
        hidden.add(states);
      }
    }
    return new Outputs(texts, logits, hidden);
  }

  /** A line of the table: how far another model's logits are from these. */
  String line(String name, Outputs other) {
    var difference = new LogitDifference();
    for (int i = 0; i < logits.size(); i++) {
      difference.add(logits.get(i), other.logits.get(i));
    }
    return String.format(
        Locale.ROOT,
        "%-36s %11.3g %11.3g %11.3g %11.3g  %d of %d",
        name,
        difference.maxAbs(),
        difference.rms(),
        difference.meanKl(),
        difference.maxKl(),
        difference.flips(),
        difference.positions());
  }

  /** For every layer, a line with the relative difference of the hidden state. */
  List<String> layers(Outputs other) {
    var lines = new ArrayList<String>();
    int layers = hidden.getFirst().size();
    for (int layer = 0; layer < layers; layer++) {
      double difference = 0;
      double size = 0;
      for (int text = 0; text < texts.size(); text++) {
        float[] mine = hidden.get(text).get(layer);
        float[] theirs = other.hidden.get(text).get(layer);
        for (int i = 0; i < mine.length; i++) {
          difference += Math.pow((double) theirs[i] - mine[i], 2);
          size += Math.pow(mine[i], 2);
        }
      }
      lines.add(
          String.format(
              Locale.ROOT,
              "  after layer %3d: relative RMS %.3g",
              layer,
              Math.sqrt(difference / Math.max(size, Double.MIN_NORMAL))));
    }
    return lines;
  }
}
