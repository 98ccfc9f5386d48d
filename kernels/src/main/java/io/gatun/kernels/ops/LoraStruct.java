package io.gatun.kernels.ops;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuCall;
import io.gatun.kernels.cpu.CpuFrame;
import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.util.List;

/** Writes adapters into the frame of a call: gatun_lora, gatun_lora_rows, gatun_lora_sibling. */
final class LoraStruct {
  private static final long M = CpuFrame.MATRIX_BYTES;
  private static final long SIBLING_BYTES = 2 * M + 24;
  private static final long ROWS_BYTES = 2 * M + 32;

  private LoraStruct() {}

  /** The place of a gatun_lora; without gradients their matrices are absent. */
  static long write(CpuCall c, List<LoraRows> rows, List<LoraGradients> grads) {
    long at = c.place(16);
    long entries = c.place(rows.size() * ROWS_BYTES);
    for (int i = 0; i < rows.size(); i++) {
      writeRows(
          c,
          entries + i * ROWS_BYTES,
          rows.get(i),
          grads.isEmpty() ? List.of() : grads.subList(i, i + 1));
    }
    c.writeLong(at, c.address(entries));
    c.writeLong(at + 8, rows.size());
    return at;
  }

  private static void writeRows(CpuCall c, long at, LoraRows rows, List<LoraGradients> grads) {
    List<Sibling> siblings = rows.factors().siblings();
    long list = c.place(siblings.size() * SIBLING_BYTES);
    for (int i = 0; i < siblings.size(); i++) {
      int sibling = i;
      writeSibling(
          c,
          list + i * SIBLING_BYTES,
          siblings.get(i),
          grads.stream().map(g -> g.bSum().get(sibling)).toList());
    }
    c.writeLong(at, rows.firstRow());
    c.writeLong(at + 8, rows.rowCount());
    c.writeMatrix(at + 16, rows.factors().a());
    writeOptional(c, at + 16 + M, grads.stream().map(LoraGradients::aSum).toList());
    c.writeLong(at + 16 + 2 * M, c.address(list));
    c.writeLong(at + 24 + 2 * M, siblings.size());
  }

  private static void writeSibling(CpuCall c, long at, Sibling sibling, List<Matrix> sum) {
    c.writeMatrix(at, sibling.b());
    writeOptional(c, at + M, sum);
    c.writeLong(at + 2 * M, sibling.firstRow());
    c.writeLong(at + 2 * M + 8, sibling.firstRank());
    c.writeFloat(at + 2 * M + 16, sibling.scale());
    c.writeInt(at + 2 * M + 20, 0);
  }

  private static void writeOptional(CpuCall c, long at, List<Matrix> sum) {
    if (sum.isEmpty()) {
      for (long i = 0; i < M; i += 8) {
        c.writeLong(at + i, 0);
      }
    } else {
      c.writeMatrix(at, sum.getFirst());
    }
  }
}
