package io.gatun.runtime.train;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Philox;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.Decoder;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A random decoder of two blocks in fp32 on the CPU, and rows for it. */
final class TinyModel implements AutoCloseable {
  final Device device;
  final Arena arena = Arena.ofShared();
  final Decoder decoder;

  TinyModel(Path folder, Device device) {
    this.device = device;
    this.decoder =
        Decoder.load(Checkpoint.open(folder, arena), WeightFormat.f32(), DType.F32, device, arena);
  }

  static TinyModel open() {
    return new TinyModel(Golden.file("models/tiny_llama"), Device.cpu());
  }

  static TinyModel open(int threads) {
    var variant = Device.CpuVariant.available().getLast();
    return new TinyModel(Golden.file("models/tiny_llama"), Device.cpu(threads, variant));
  }

  LoraAdapter adapter(float dropout) {
    var config = LoraConfig.defaults().withRank(4, 8).withDropout(dropout);
    return LoraAdapter.create(decoder, config, 5, arena);
  }

  /** Rows of 3 to 14 random tokens; the first third is not learned. */
  static Dataset rows(int count) {
    List<Example> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = 3 + (Philox.words(9, i, 0, 0, 0)[0] >>> 1) % 12;
      rows.add(row(i + 1, new int[0], length, i));
    }
    return Dataset.of("random rows", rows);
  }

  /** Rows that begin with the same tokens. */
  static Dataset rowsWithPrefix(int count, int prefix) {
    int[] ids = new int[prefix];
    for (int i = 0; i < prefix; i++) {
      ids[i] = token(77, i);
    }
    List<Example> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      rows.add(row(i + 1, ids, 3 + i % 4, i));
    }
    return Dataset.of("rows alike", rows);
  }

  private static Example row(int line, int[] prefix, int own, int seed) {
    int[] ids = new int[prefix.length + own];
    boolean[] learned = new boolean[ids.length];
    System.arraycopy(prefix, 0, ids, 0, prefix.length);
    for (int i = prefix.length; i < ids.length; i++) {
      ids[i] = token(seed, i);
    }
    for (int i = ids.length / 3; i < ids.length; i++) {
      learned[i] = true;
    }
    return new Example(ids, learned, line);
  }

  private static int token(int row, int place) {
    return 3 + (Philox.words(1, row, place, 0, 0)[0] >>> 1) % 125;
  }

  @Override
  public void close() {
    arena.close();
    device.close();
  }
}
