package io.gatun.runtime.model;

import io.gatun.kernels.DType;
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
    planInputs(table, s);
    for (int i = 0; i < s.residuals(); i++) {
      table.add("x" + i, s.dtype(), s.tokens(), s.config().hidden());
    }
    BlockActivations.planShared(table, s);
    for (int layer = s.firstKept(); layer < s.config().layers(); layer++) {
      BlockActivations.plan(table, layer + ".", s);
    }
    if (s.firstKept() > 0) {
      BlockActivations.plan(table, "again.", s);
    }
    if (s.backward()) {
      BlockGradients.plan(table, s);
      table.add("u", s.dtype(), s.tokens(), s.maxRank());
    }
    if (s.dropout()) {
      int inputs = Math.max(s.config().hidden(), s.config().feedForward());
      table.add("dropped", s.dtype(), s.tokens(), Math.max(inputs, s.config().queryCols()));
      table.add("dDropped", s.dtype(), s.tokens(), Math.max(inputs, s.config().queryCols()));
    }
    Head.plan(table, s);
    return table;
  }

  private static void planInputs(SliceTable table, PassShape s) {
    table.addInts("ids", s.tokens());
    table.addInts("tokenIndex", s.tokens());
    table.addInts("segments", (s.tokens() + 1) * Segments.TABLE_COLUMNS);
    table.add("cos", DType.F32, s.tokens(), s.config().headDim() / 2);
    table.add("sin", DType.F32, s.tokens(), s.config().headDim() / 2);
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
