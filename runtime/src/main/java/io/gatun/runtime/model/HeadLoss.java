package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.BinaryCrossEntropy;
import io.gatun.kernels.ops.CrossEntropy;
import io.gatun.kernels.ops.SquaredError;
import java.util.Arrays;
import java.util.List;

/**
 * The loss of a classifier (formats.md 5.9), summed over sequences; of several values of one
 * sequence it is their mean. A sequence without target has none.
 */
final class HeadLoss {
  private HeadLoss() {}

  /** Enters the slices for so many sequences at a time. */
  static void plan(SliceTable table, int rows, ClassifierConfig c) {
    table.addInts("head.labels", rows);
    table.add("head.targets", DType.F32, rows, c.labels().size());
    table.add("head.weights", DType.F32, rows, 1);
    table.add("head.loss", DType.F32, rows, 1);
  }

  /**
   * The loss of some sequences.
   *
   * @param logits (sequences, labels) F32, replaced by their gradient
   * @param targets one a sequence
   * @param labels what they mean
   * @param memory with the planned slices
   * @return sum over the sequences, and how many have a target
   */
  static Loss run(Matrix logits, List<Target> targets, Labels labels, PassMemory memory) {
    int rows = logits.rows();
    Matrix weights = memory.matrix("head.weights", rows);
    Matrix loss = memory.matrix("head.loss", rows);
    float[] known = new float[rows];
    for (int i = 0; i < rows; i++) {
      known[i] = targets.get(i) instanceof Target.Unknown ? 0 : 1;
    }
    HostCopy.write(weights, known);
    switch (labels.problem()) {
      case SINGLE_LABEL -> CrossEntropy.run(logits, classes(targets, memory), weights, 0, loss);
      case MULTI_LABEL ->
          BinaryCrossEntropy.run(logits, values(targets, logits, memory), weights, loss);
      case REGRESSION -> SquaredError.run(logits, values(targets, logits, memory), weights, loss);
    }
    double sum = 0;
    double count = 0;
    float[] losses = HostCopy.readFloats(loss);
    for (int i = 0; i < rows; i++) {
      sum += losses[i];
      count += known[i];
    }
    return new Loss(sum, count);
  }

  private static Ints classes(List<Target> targets, PassMemory memory) {
    Ints classes = memory.ints("head.labels", targets.size());
    HostCopy.write(
        classes,
        targets.stream()
            .mapToInt(t -> t instanceof Target.Label(int index) ? index : CrossEntropy.IGNORED)
            .toArray());
    return classes;
  }

  private static Matrix values(List<Target> targets, Matrix logits, PassMemory memory) {
    int cols = logits.cols();
    Matrix values = memory.matrix("head.targets", targets.size());
    float[] all = new float[targets.size() * cols];
    for (int i = 0; i < targets.size(); i++) {
      if (targets.get(i) instanceof Target.Values(float[] own)) {
        System.arraycopy(own, 0, all, i * cols, cols);
      }
    }
    HostCopy.write(values, all);
    return values;
  }

  /**
   * What logits mean: probabilities of the labels, or the values themselves.
   *
   * @param logits of one sequence
   * @param problem what they mean
   * @return as many numbers
   */
  static float[] probabilities(float[] logits, Problem problem) {
    return switch (problem) {
      case SINGLE_LABEL -> softmax(logits);
      case MULTI_LABEL -> sigmoid(logits);
      case REGRESSION -> logits.clone();
    };
  }

  private static float[] softmax(float[] logits) {
    double max = Double.NEGATIVE_INFINITY;
    for (float z : logits) {
      max = Math.max(max, z);
    }
    double largest = max;
    double[] e = new double[logits.length];
    Arrays.setAll(e, i -> Math.exp(logits[i] - largest));
    double sum = Arrays.stream(e).sum();
    float[] p = new float[e.length];
    for (int i = 0; i < p.length; i++) {
      p[i] = (float) (e[i] / sum);
    }
    return p;
  }

  private static float[] sigmoid(float[] logits) {
    float[] p = new float[logits.length];
    for (int i = 0; i < p.length; i++) {
      p[i] = (float) (1 / (1 + Math.exp(-logits[i])));
    }
    return p;
  }
}
