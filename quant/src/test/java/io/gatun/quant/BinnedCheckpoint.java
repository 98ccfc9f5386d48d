package io.gatun.quant;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.ops.Nf4Quantize;
import io.gatun.quant.checkpoint.BnbCodec;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import io.gatun.quant.checkpoint.WholeFile;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;

/**
 * Writes a model as bitsandbytes' native CPU library quantizes it, whose choice of nested codes
 * differs from the nearest in one of 400. The golden numbers of the real model on NF4 were made on
 * such a base; opening what this wrote gives that base, bit for bit.
 */
public final class BinnedCheckpoint {
  private BinnedCheckpoint() {}

  /**
   * Writes model.safetensors and config.json: linear layers (names that end in _proj.weight) in NF4
   * with double quantization, everything else in F32.
   */
  public static void write(Checkpoint model, Device device, Path folder) {
    try (var arena = Arena.ofShared()) {
      var tensors = new ArrayList<TensorData>();
      for (var name : model.names()) {
        if (name.endsWith("_proj.weight")) {
          tensors.addAll(BnbCodec.tensors(name, quantized(model, name, device, arena)));
        } else {
          var shape = model.info(name).shape();
          tensors.add(TensorData.floats(name, shape, () -> model.readFloats(name)));
        }
      }
      SafetensorsWriter.writeModel(folder, Long.MAX_VALUE, Map.of(), tensors);
    }
    var config = BnbCodec.config(model.config(), Code.NF4, true, DType.F32);
    WholeFile.write(
        folder.resolve("config.json"), config.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static Band quantized(Checkpoint model, String name, Device device, Arena arena) {
    try (var scratch = Arena.ofShared();
        var loader = new WeightLoader(model, device, scratch)) {
      var values = loader.matrix(name, DType.F32);
      int rows = values.rows();
      int cols = values.cols();
      long blocks = Math.ceilDiv((long) rows * cols, WeightFormat.DEFAULT_BLOCK);
      long groups = Math.ceilDiv(blocks, Band.NESTED_BLOCK);
      var scales =
          new Scales.Nested(
              device.allocate("scales", blocks, arena),
              device.allocate("scales", groups * Float.BYTES, arena),
              0);
      var codes = device.allocate("codes", Layout.FILE.bytes(rows, cols), arena);
      int block = WeightFormat.DEFAULT_BLOCK;
      var band = new Band(Code.NF4, block, rows, cols, DType.F32, Layout.FILE, codes, scales);
      return Nf4Quantize.run(values, band, Nf4Quantize.NestedCode.BINNED);
    }
  }
}
