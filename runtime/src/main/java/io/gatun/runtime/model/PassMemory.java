package io.gatun.runtime.model;

import io.gatun.kernels.Device;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segments;
import java.lang.foreign.Arena;

/**
 * The memory of passes, allocated once for the largest and used again for each.
 *
 * @param shape how much it holds
 * @param slab the allocation
 */
record PassMemory(PassShape shape, Slab slab) {

  static PassMemory allocate(String name, PassShape shape, Device device, Arena arena) {
    return new PassMemory(shape, plan(shape).allocate(device, name, arena));
  }

  /** The table of all slices. */
  static SliceTable plan(PassShape s) {
    var table = new SliceTable();
    table.addInts("ids", s.tokens());
    table.addInts("tokenIndex", s.tokens());
    table.addInts("segments", (s.tokens() + 1) * Segments.TABLE_COLUMNS);
    int room = s.config().backbone() instanceof EncoderConfig ? s.room(Projection.QKV) : 0;
    for (int i = 0; i < s.residuals(); i++) {
      table.add("x" + i, s.dtype(), s.tokens(), s.config().hidden(), room);
    }
    switch (s.config().backbone()) {
      case DecoderConfig c -> DecoderPass.plan(table, s, c);
      case EncoderConfig c -> EncoderPass.plan(table, s, c);
    }
    for (int layer = s.firstKept(); layer < s.config().layers(); layer++) {
      planBlock(table, layer + ".", s);
    }
    if (s.firstKept() > 0) {
      planBlock(table, "again.", s);
    }
    planAdapters(table, s);
    switch (s.config()) {
      case DecoderConfig _ -> Head.plan(table, s);
      case ClassifierConfig c -> ClassifierHead.plan(table, s, c);
      case EncoderConfig _ -> {} // its output is the last residual
    }
    return table;
  }

  private static void planBlock(SliceTable table, String block, PassShape s) {
    switch (s.config().backbone()) {
      case DecoderConfig c -> BlockActivations.plan(table, block, s, c);
      case EncoderConfig c -> EncoderActivations.plan(table, block, s, c);
    }
    s.ranks().forEach((product, rank) -> table.add(block + product, s.dtype(), s.tokens(), rank));
  }

  private static void planAdapters(SliceTable table, PassShape s) {
    if (s.backward()) {
      table.add("u", s.dtype(), s.tokens(), s.maxRank());
    }
    if (s.dropout()) {
      int inputs = 0;
      for (var projection : Projection.values()) {
        inputs = Math.max(inputs, s.config().inputs(projection));
      }
      table.add("dropped", s.dtype(), s.tokens(), inputs);
      table.add("dDropped", s.dtype(), s.tokens(), inputs);
    }
  }

  Matrix matrix(String name, int rows) {
    return slab.matrix(name, rows);
  }

  Matrix matrix(String name, int rows, int cols) {
    return slab.matrix(name, rows, cols);
  }

  Ints ints(String name, int length) {
    return slab.ints(name, length);
  }

  /** The residual before a block; the last one is the output of the last block. */
  Matrix residual(int layer, int tokens) {
    return slab.matrix("x" + layer % shape.residuals(), tokens);
  }

  /** Where the names of a block's slices begin. */
  String block(int layer) {
    return layer < shape.firstKept() ? "again." : layer + ".";
  }
}
