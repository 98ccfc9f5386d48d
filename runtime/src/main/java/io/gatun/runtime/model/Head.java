package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Cast;
import io.gatun.kernels.ops.CrossEntropy;
import io.gatun.kernels.ops.Embedding;
import io.gatun.kernels.ops.MatMul;
import io.gatun.kernels.ops.SoftCap;
import java.util.Arrays;

/**
 * The final norm and the output head, on the rows that need them only, in chunks of rows: logits of
 * all rows never exist at once.
 */
final class Head {
  /** Logits of one chunk take at most this much, if one row does: they stay in a CPU's cache. */
  private static final long CPU_CHUNK_BYTES = 32L << 20;

  /** A GPU reads the whole head for each chunk: with fewer rows it waits for that. */
  private static final long CUDA_CHUNK_BYTES = 200_000_000;

  private final Decoder decoder;
  private final PassMemory memory;

  Head(Decoder decoder, PassMemory memory) {
    this.decoder = decoder;
    this.memory = memory;
  }

  /** Enters the head's slices. */
  static void plan(SliceTable table, PassShape s) {
    int hidden = s.config().hidden();
    table.addInts("head.rows", s.labels());
    table.add("head.x", s.dtype(), s.labels(), hidden);
    table.add("head.normed", s.dtype(), s.labels(), hidden);
    table.add("head.rstd", DType.F32, s.labels(), 1);
    table.add("head.logits", DType.F32, chunkRows(s), s.config().vocabulary());
    table.addInts("head.labels", s.labels());
    table.add("head.weights", DType.F32, s.labels(), 1);
    table.add("head.loss", DType.F32, s.labels(), 1);
    if (s.backward()) {
      table.addInts("head.source", s.tokens());
      table.add("head.dx", s.dtype(), s.labels() + 1, hidden);
      table.add("head.dlogits", s.dtype(), chunkRows(s), s.config().vocabulary());
    }
  }

  private static int chunkRows(PassShape s) {
    long row = (long) s.config().vocabulary() * DType.F32.bytes();
    long most =
        switch (s.on()) {
          case CPU -> CPU_CHUNK_BYTES;
          case CUDA -> CUDA_CHUNK_BYTES;
        };
    return Math.clamp(most / row, 1, Math.max(1, s.labels()));
  }

  int chunkRows() {
    return chunkRows(memory.shape());
  }

  /** The final norm of some rows. */
  Matrix normed(Matrix x, int... rows) {
    Ints ids = memory.ints("head.rows", rows.length);
    HostCopy.write(ids, rows);
    return normed(x, ids);
  }

  private Matrix normed(Matrix x, Ints rows) {
    Matrix gathered = memory.matrix("head.x", rows.length());
    Matrix normed = memory.matrix("head.normed", rows.length());
    Embedding.forward(x, rows, 1, gathered);
    decoder.finalNorm().forward(gathered, normed, memory.matrix("head.rstd", rows.length()));
    return normed;
  }

  /** F32 logits of at most {@link #chunkRows} rows, valid until the next call. */
  Matrix logits(Matrix x, int... rows) {
    return logits(normed(x, rows));
  }

  /** The same of rows whose numbers are on the device. */
  Matrix logits(Matrix x, Ints rows) {
    return logits(normed(x, rows));
  }

  private Matrix logits(Matrix normed) {
    Matrix logits = memory.matrix("head.logits", normed.rows());
    MatMul.forward(normed, decoder.head(), logits);
    if (decoder.config().logitSoftCap() > 0) {
      SoftCap.run(logits, decoder.config().logitSoftCap());
    }
    return logits;
  }

  /** The loss of a batch from the output of the last block. */
  Loss loss(Batch batch, Matrix x) {
    Matrix normed = normed(x, batch.labelRows());
    for (int first = 0; first < normed.rows(); first += chunkRows()) {
      int rows = Math.min(chunkRows(), normed.rows() - first);
      crossEntropy(batch, first, normed.rowSlice(first, rows));
    }
    return sum(batch);
  }

  /** The loss of a batch, and its gradient in x. */
  Loss lossAndGradient(Batch batch, Matrix x, Matrix dx) {
    int labelled = batch.labelRows().length;
    Matrix normed = normed(x, batch.labelRows());
    Matrix dGathered = memory.matrix("head.dx", labelled + 1);
    for (int first = 0; first < labelled; first += chunkRows()) {
      int rows = Math.min(chunkRows(), labelled - first);
      Matrix dlogits = crossEntropy(batch, first, normed.rowSlice(first, rows));
      if (dlogits.dtype() != x.dtype()) {
        Matrix rounded = memory.matrix("head.dlogits", rows);
        Cast.run(dlogits, rounded);
        dlogits = rounded;
      }
      MatMul.backward(dlogits, decoder.head(), dGathered.rowSlice(first, rows));
    }
    scatter(batch, x, dGathered, dx);
    return sum(batch);
  }

  /** Logits of one chunk, replaced by their gradient. */
  private Matrix crossEntropy(Batch batch, int first, Matrix normed) {
    int rows = normed.rows();
    Matrix logits = memory.matrix("head.logits", rows);
    MatMul.forward(normed, decoder.head(), logits);
    Ints labels = memory.ints("head.labels", rows);
    HostCopy.write(labels, Arrays.copyOfRange(batch.labels(), first, first + rows));
    Matrix weights = memory.matrix("head.weights", rows);
    HostCopy.write(weights, Arrays.copyOfRange(batch.labelWeights(), first, first + rows));
    Matrix loss = memory.matrix("head.loss", first + rows).rowSlice(first, rows);
    CrossEntropy.run(logits, labels, weights, decoder.config().logitSoftCap(), loss);
    return logits;
  }

  /** Takes the gradient back through the norm to the rows it came from; all other rows are zero. */
  private void scatter(Batch batch, Matrix x, Matrix dGathered, Matrix dx) {
    int labelled = batch.labelRows().length;
    Matrix gathered = memory.matrix("head.x", labelled);
    Matrix dNormed = dGathered.rowSlice(0, labelled);
    decoder.finalNorm().backward(dNormed, gathered, memory.matrix("head.rstd", labelled), dNormed);
    HostCopy.write(dGathered.rowSlice(labelled, 1), new float[x.cols()]);
    int[] source = new int[x.rows()];
    Arrays.fill(source, labelled);
    for (int i = 0; i < labelled; i++) {
      source[batch.labelRows()[i]] = i;
    }
    Ints ids = memory.ints("head.source", source.length);
    HostCopy.write(ids, source);
    Embedding.forward(dGathered, ids, 1, dx);
  }

  private Loss sum(Batch batch) {
    double sum = 0;
    for (float loss : HostCopy.readFloats(memory.matrix("head.loss", batch.labelRows().length))) {
      sum += loss;
    }
    double weight = 0;
    for (float w : batch.labelWeights()) {
      weight += w;
    }
    return new Loss(sum, weight);
  }
}
