package io.gatun.runtime.cli;

import io.gatun.kernels.Device;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.generate.Generator;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.text.Tokenizer;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.util.Optional;

/** A model, its tokenizer and perhaps an adapter, as the flags ask for them. */
final class LoadedModel implements AutoCloseable {
  private final Device device;
  private final Arena memory;
  private final Tokenizer tokenizer;
  private final Decoder decoder;
  private final Optional<LoraAdapter> adapter;

  private LoadedModel(
      Device device,
      Arena memory,
      Tokenizer tokenizer,
      Decoder decoder,
      Optional<LoraAdapter> adapter) {
    this.device = device;
    this.memory = memory;
    this.tokenizer = tokenizer;
    this.decoder = decoder;
    this.adapter = adapter;
  }

  /** Loads everything; frees what was loaded when one part fails. */
  static LoadedModel open(ModelOptions options, AdapterOption lora, PrintWriter err) {
    var model = options.hub.model(options.path);
    var folder = lora.path.map(options.hub::adapter);
    var device = options.format.device.open(err);
    var memory = Arena.ofShared();
    try (var files = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(model, files);
      ModelFiles.requireGenerator(checkpoint, folder);
      var tokenizer = ModelFiles.tokenizer(checkpoint, DecoderConfig.of(checkpoint));
      try {
        var decoder =
            Decoder.load(checkpoint, options.format.format(), options.compute(), device, memory);
        var adapter = folder.map(path -> LoraAdapter.load(path, decoder, memory));
        return new LoadedModel(device, memory, tokenizer, decoder, adapter);
      } catch (RuntimeException e) {
        tokenizer.close();
        throw e;
      }
    } catch (RuntimeException e) {
      memory.close();
      device.close();
      throw e;
    }
  }

  Device device() {
    return device;
  }

  Arena memory() {
    return memory;
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  Decoder decoder() {
    return decoder;
  }

  Optional<LoraAdapter> adapter() {
    return adapter;
  }

  /** The base model. */
  Generator base() {
    return Generator.of(decoder, tokenizer);
  }

  /** With the adapter, if there is one. */
  Generator generator() {
    return adapter.map(base()::with).orElseGet(this::base);
  }

  @Override
  public void close() {
    tokenizer.close();
    memory.close();
    device.close();
  }
}
