package io.gatun.runtime.cli;

import io.gatun.kernels.Device;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.DecoderConfig;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Verifies the adapter of a language model by the logits of every position.
 *
 * @param checkpoint files of the base
 * @param adapter its adapter
 * @param texts tokens of each
 * @param perLayer whether hidden states are compared too
 */
record DecoderVerification(
    Checkpoint checkpoint, LoraAdapter adapter, List<int[]> texts, boolean perLayer)
    implements Verification<Decoder, Outputs> {

  static DecoderVerification of(
      Checkpoint checkpoint,
      Path adapter,
      List<int[]> texts,
      boolean perLayer,
      Device device,
      Arena memory) {
    var config = DecoderConfig.of(checkpoint);
    var lora = LoraAdapter.load(adapter, config, device, memory);
    return new DecoderVerification(checkpoint, lora, texts, perLayer);
  }

  @Override
  public Decoder load(WeightFormat format, Arena arena) {
    var device = adapter.parameters().buffer().device();
    return Decoder.load(checkpoint, format, FormatOptions.EXACT, device, arena);
  }

  @Override
  public Outputs unmerged(Decoder base) {
    return Outputs.of(base, Optional.of(adapter), texts);
  }

  @Override
  public Outputs merged(Decoder base, WeightFormat kept) {
    try (var memory = Arena.ofShared()) {
      return Outputs.of(base.merged(adapter, kept, memory), Optional.empty(), texts);
    }
  }

  @Override
  public String subject() {
    return "%d texts, %d positions"
        .formatted(texts.size(), texts.stream().mapToInt(ids -> ids.length).sum());
  }

  @Override
  public String header() {
    return Outputs.HEADER;
  }

  @Override
  public List<String> lines(String name, Outputs reference, Outputs merged) {
    var lines = new ArrayList<>(List.of(reference.line(name, merged)));
    if (perLayer) {
      lines.addAll(reference.layers(merged));
    }
    return lines;
  }
}
