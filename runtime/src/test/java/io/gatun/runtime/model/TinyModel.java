package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.cuda.CudaTests;
import io.gatun.kernels.ops.Devices;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Small models, adapters that have an effect, and rows of random tokens. */
public final class TinyModel {
  /** Of every family one; first that with the most parts. */
  static final List<String> DECODERS =
      List.of("tiny_gemma2", "tiny_llama", "tiny_mistral_sw", "tiny_qwen2", "tiny_qwen3");

  private TinyModel() {}

  /** What a test does with a model. */
  interface Check {
    void run(String model, Device device, Arena arena);
  }

  /** Models for tests at a place; on the emulator, which is slow, only the first. */
  record Each(List<String> models, Devices.Place place) {
    void run(Check test) {
      boolean spare = place instanceof Devices.Gpu && CudaTests.emulated();
      place.run((device, whole) -> {
        for (var model : spare ? models.subList(0, 1) : models) {
          try (Arena arena = Arena.ofConfined()) {
            test.run(model, device, arena);
          }
        }
      });
    }
  }

  public static Decoder load(String name, DType compute, Device device, Arena arena) {
    var format = compute == DType.BF16 ? WeightFormat.bf16() : WeightFormat.f32();
    return Decoder.load(
        Checkpoint.open(Golden.file("models/" + name), arena), format, compute, device, arena);
  }

  /** An adapter of all linear layers whose B is not zero. */
  public static LoraAdapter adapter(Decoder decoder, float dropout, Arena arena) {
    return adapter(decoder, LoraConfig.defaults().withRank(4, 8).withDropout(dropout), arena);
  }

  /** An adapter whose B is not zero. */
  public static LoraAdapter adapter(Decoder decoder, LoraConfig config, Arena arena) {
    var adapter = LoraAdapter.create(decoder, config, 7, arena);
    var random = new Random(3);
    for (var layer : adapter.layers()) {
      float[] b = new float[layer.linear().rows() * layer.rank()];
      for (int i = 0; i < b.length; i++) {
        b[i] = (float) random.nextGaussian() / 10;
      }
      HostCopy.write(adapter.b(layer), b);
    }
    return adapter;
  }

  /** Rows of random tokens with a common beginning; the second half of each is labelled. */
  public static List<Sequence> rows(long seed, int common, int... lengths) {
    var random = new Random(seed);
    int[] beginning = random.ints(common, 3, 128).toArray();
    int[] first = new int[1];
    return Arrays.stream(lengths)
        .mapToObj(length -> {
          int[] ids = random.ints(length, 3, 128).toArray();
          System.arraycopy(beginning, 0, ids, 0, Math.min(common, length));
          float[] weights = new float[length];
          Arrays.fill(weights, Math.max(1, length / 2), length, 1);
          first[0] += length;
          return new Sequence(ids, weights, first[0] - length);
        })
        .toList();
  }

  /** A copy of a model of the golden folder, every dropout in whose configuration is 0.3. */
  static void writeWithDropout(String path, Path folder) throws IOException {
    Files.createDirectories(folder);
    Path source = Golden.file(path);
    String json = Files.readString(source.resolve("config.json"));
    Files.writeString(
        folder.resolve("config.json"),
        json.replaceAll("(\"\\w*dropout\\w*\": )[^,\\s]+", "$1" + 0.3));
    Files.copy(source.resolve("model.safetensors"), folder.resolve("model.safetensors"));
  }
}
