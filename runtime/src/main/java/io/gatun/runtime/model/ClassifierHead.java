package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Activate;
import io.gatun.kernels.ops.Embedding;
import io.gatun.kernels.ops.LinearGradient;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.runtime.adapter.ActiveAdapters.Training;
import io.gatun.runtime.adapter.Delta;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraLinear;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The head of a classifier in one pass, on one token of each sequence, in fp32. Works on chunks of
 * sequences: the memory of a head does not grow with the batch.
 */
final class ClassifierHead {
  private static final int CHUNK_ROWS = 256;

  private final Classifier classifier;
  private final PassMemory memory;
  private final Optional<LoraAdapter> adapter;
  private final Optional<Training> training;
  private final List<HeadLayer> layers;
  private final List<LoraLinear> linears = new ArrayList<>();

  /**
   * The head of a pass.
   *
   * @param classifier the model
   * @param memory of the pass
   * @param adapter whose head and pooler act, if any
   * @param training what training adds
   */
  ClassifierHead(
      Classifier classifier,
      PassMemory memory,
      Optional<LoraAdapter> adapter,
      Optional<Training> training) {
    this.classifier = classifier;
    this.memory = memory;
    this.adapter = adapter;
    this.training = training;
    this.layers = classifier.config().head();
    for (var layer : layers) {
      linears.add(
          adapter
              .flatMap(a -> a.trained(layer))
              .or(() -> classifier.stored(layer))
              .orElseThrow(() ->
                  new IllegalArgumentException(
                      layer.path()
                          + " is new: only an adapter has values for it, and this pass has none")));
    }
  }

  /** Enters the slices. */
  static void plan(SliceTable table, PassShape s, ClassifierConfig c) {
    int rows = Math.min(s.tokens(), CHUNK_ROWS);
    table.addInts("head.rows", rows);
    table.addInts("head.tokenIndex", rows);
    table.add("head.x", DType.F32, rows, c.hidden());
    table.add("head.y0", DType.F32, rows, c.hidden());
    table.add("head.rstd", DType.F32, rows, 1);
    for (int i = 0; i < c.head().size(); i++) {
      var layer = c.head().get(i);
      table.add("head.z" + (i + 1), DType.F32, rows, layer.outputs());
      if (layer.activation().isPresent()) {
        table.add("head.y" + (i + 1), DType.F32, rows, layer.outputs());
      }
    }
    HeadLoss.plan(table, rows, c);
    int rank = s.ranks().getOrDefault(Projection.OUTPUT, 0);
    table.add("head.t", DType.F32, rows, rank);
    if (s.backward()) {
      int widest = c.head().stream().mapToInt(HeadLayer::outputs).max().orElseThrow();
      table.add("head.noBias", DType.F32, 1, widest);
      table.add("head.u", DType.F32, rows, rank);
      table.addInts("head.source", s.tokens());
      table.add("head.dx", DType.F32, s.tokens() + 1, c.hidden());
      for (int i = 1; i < c.head().size(); i++) {
        table.add("head.dy" + i, DType.F32, rows, c.head().get(i).inputs());
      }
    }
    if (s.dropout()) {
      table.add("head.dropped", DType.F32, rows, c.hidden());
      table.add("head.dDropped", DType.F32, rows, c.hidden());
    }
  }

  /** What the head says of every sequence of a batch, from the output of the last block. */
  PredictPass.Result result(ClassifierBatch batch, Matrix x) {
    var all = new ArrayList<float[]>();
    var loss = Loss.ZERO;
    for (int first = 0; first < batch.sequences(); first += CHUNK_ROWS) {
      Matrix logits = forward(batch, x, first);
      for (int i = 0; i < logits.rows(); i++) {
        all.add(HostCopy.readFloats(logits.rowSlice(i, 1)));
      }
      loss = loss.plus(loss(batch, logits, first));
    }
    var problem = classifier.config().labels().problem();
    var probabilities = all.stream().map(z -> HeadLoss.probabilities(z, problem)).toList();
    return new PredictPass.Result(all, probabilities, loss);
  }

  /** The loss of a batch, and its gradient in x; gradients of the head are added to theirs. */
  Loss lossAndGradient(ClassifierBatch batch, Matrix x, Matrix dx) {
    var loss = Loss.ZERO;
    Matrix dGathered = memory.matrix("head.dx", batch.sequences() + 1);
    for (int first = 0; first < batch.sequences(); first += CHUNK_ROWS) {
      Matrix logits = forward(batch, x, first);
      loss = loss.plus(loss(batch, logits, first));
      backward(logits, dGathered.rowSlice(first, logits.rows()));
    }
    scatter(batch, dGathered, dx);
    return loss;
  }

  private Loss loss(ClassifierBatch batch, Matrix logits, int first) {
    var targets = batch.targets().subList(first, first + logits.rows());
    return HeadLoss.run(logits, targets, classifier.config().labels(), memory);
  }

  /** z(i) = W(i) drop(y(i - 1)) + b(i), y(i) = f(z(i)); y(0) is the token. Gives the last z. */
  private Matrix forward(ClassifierBatch batch, Matrix x, int first) {
    int count = Math.min(CHUNK_ROWS, batch.sequences() - first);
    int[] rows = Arrays.copyOfRange(batch.pooledRows(classifier.config()), first, first + count);
    Ints ids = memory.ints("head.rows", count);
    HostCopy.write(ids, rows);
    HostCopy.write(
        memory.ints("head.tokenIndex", count),
        Arrays.stream(rows).map(row -> batch.tokenIndex()[row]).toArray());
    gather(x, ids);
    for (int i = 0; i < layers.size(); i++) {
      Matrix read = y(i, count);
      dropout(i, count).ifPresent(drop -> drop.forward(read));
      linears.get(i).forward(read, delta(i, count), z(i + 1, count));
      if (layers.get(i).activation().isPresent()) {
        Activate.forward(layers.get(i).activation().get(), z(i + 1, count), y(i + 1, count));
      }
    }
    return z(layers.size(), count);
  }

  /** The tokens that the head reads; a decoder's final norm is still to come. */
  private void gather(Matrix x, Ints rows) {
    Matrix pooled = y(0, rows.length());
    switch (classifier.backbone()) {
      case Encoder _ -> Embedding.forward(x, rows, 1, pooled);
      case Decoder decoder -> {
        Matrix gathered = memory.matrix("head.x", rows.length());
        Embedding.forward(x, rows, 1, gathered);
        decoder.finalNorm().forward(gathered, pooled, memory.matrix("head.rstd", rows.length()));
      }
    }
  }

  /** dx of the gathered rows from dz of the last layer. */
  private void backward(Matrix dlogits, Matrix dGathered) {
    int count = dlogits.rows();
    Matrix dz = dlogits;
    for (int i = layers.size() - 1; i >= 0; i--) {
      Matrix dy = i == 0 ? dGathered : memory.matrix("head.dy" + i, count);
      addGradient(layers.get(i), dz, y(i, count));
      linears.get(i).backward(dz, y(i, count), delta(i, count), dy);
      dropout(i, count).ifPresent(drop -> drop.backward(dy, dy));
      if (i > 0 && layers.get(i - 1).activation().isPresent()) {
        Activate.backward(layers.get(i - 1).activation().get(), z(i, count), dy, dy);
      }
      dz = dy;
    }
    if (classifier.backbone() instanceof Decoder decoder) {
      Matrix gathered = memory.matrix("head.x", count);
      Matrix rstd = memory.matrix("head.rstd", count);
      decoder.finalNorm().backward(dGathered, gathered, rstd, dGathered);
    }
  }

  private void addGradient(HeadLayer layer, Matrix dz, Matrix y) {
    if (adapter.flatMap(a -> a.trained(layer)).isPresent()) {
      var gradients = training.orElseThrow().gradients();
      Matrix none = memory.matrix("head.noBias", 1, layer.outputs()); // not part of any gradient
      LinearGradient.run(dz, y, gradients.weight(layer), gradients.bias(layer).orElse(none));
    }
  }

  /** The gradient of the tokens that the head read; of all others it is zero. */
  private void scatter(ClassifierBatch batch, Matrix dGathered, Matrix dx) {
    int last = batch.sequences();
    HostCopy.write(dGathered.rowSlice(last, 1), new float[dx.cols()]);
    int[] source = new int[dx.rows()];
    Arrays.fill(source, last);
    int[] rows = batch.pooledRows(classifier.config());
    for (int i = 0; i < rows.length; i++) {
      source[rows[i]] = i;
    }
    Ints ids = memory.ints("head.source", source.length);
    HostCopy.write(ids, source);
    Embedding.forward(dGathered, ids, 1, dx);
  }

  private Matrix z(int layer, int rows) {
    return memory.matrix("head.z" + layer, rows);
  }

  private Matrix y(int layer, int rows) {
    return memory.matrix("head.y" + layer, rows);
  }

  /** Dropout of what a layer reads; none outside training. */
  private Optional<HiddenDropout> dropout(int layer, int rows) {
    float p = layers.get(layer).dropout();
    var index = memory.ints("head.tokenIndex", rows);
    return training
        .filter(_ -> p > 0)
        .map(t -> new HiddenDropout(p, DropoutPlace.HEAD.key(t, layer), index));
  }

  /**
   * What the adapter adds to a layer that it does not hold whole: to BERT's pooler, if anything.
   */
  private Delta delta(int layer, int rows) {
    var factors = adapter.flatMap(classifier::poolerFactors);
    if (layer > 0 || factors.isEmpty()) {
      return new Delta.None();
    }
    int rank = factors.get().a().rows();
    int block = classifier.config().layers();
    var gradients =
        training.stream()
            .flatMap(t -> t.gradients().of(block, Projection.OUTPUT).stream())
            .toList();
    Matrix t = memory.matrix("head.t", rows, rank);
    Matrix u = training.isPresent() ? memory.matrix("head.u", rows, rank) : t;
    var mask = training.filter(active -> active.dropout() > 0).map(active -> mask(active, rows));
    return new Delta.LowRank(
        List.of(new LoraRows(0, rows, factors.get())),
        gradients,
        t,
        u,
        Delta.Room.NONE,
        mask.orElseGet(Delta.Mask.Off::new));
  }

  private Delta.Mask mask(Training active, int rows) {
    int tensor = Pass.tensor(classifier.config().layers(), Projection.OUTPUT);
    return new Delta.Mask.On(
        active.dropout(),
        new DropoutKey(active.seed(), active.step(), tensor),
        memory.ints("head.tokenIndex", rows),
        memory.matrix("head.dropped", rows),
        memory.matrix("head.dDropped", rows));
  }
}
