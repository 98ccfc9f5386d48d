package io.gatun.runtime.model;

import io.gatun.quant.checkpoint.Checkpoint;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/** The golden rows of a classifier, without their padding, and what it is to be taught. */
public record GoldenClassifier(List<ClassifierRow> rows, Labels labels) {

  /**
   * Reads a batch.
   *
   * @param io the file of the case
   * @param base the files of the model
   * @param count labels that the case has
   */
  public static GoldenClassifier of(TensorFile io, Checkpoint base, int count) {
    var rows = GoldenRows.of(io, "input_ids", "attention_mask");
    int[] types =
        io.has("token_type_ids") ? io.ints("token_type_ids") : new int[rows.kept().length];
    var labels = labels(io, base.config(), count);
    var list = new ArrayList<ClassifierRow>();
    for (int r = 0; r < rows.ids().length; r++) {
      int start = r * rows.columns();
      int[] kept =
          IntStream.range(start, start + rows.columns()).filter(i -> rows.kept()[i]).toArray();
      int[] ids = rows.ids()[r];
      list.add(
          new ClassifierRow(
              Arrays.stream(kept).map(i -> ids[i - start]).toArray(),
              Arrays.stream(kept).map(i -> types[i]).toArray(),
              target(io, r, labels)));
    }
    return new GoldenClassifier(list, labels);
  }

  /** All rows in one pack. */
  public ClassifierBatch batch() {
    return ClassifierBatch.pack(rows);
  }

  /** The model's own labels where it has as many; the problem as the type of the targets says. */
  private static Labels labels(TensorFile io, JsonNode config, int count) {
    var own = Labels.read(config);
    var labels = own.size() == count ? own : Labels.count(count);
    if (!io.isReal("labels")) {
      return labels;
    }
    return labels.withProblem(count == 1 ? Problem.REGRESSION : Problem.MULTI_LABEL);
  }

  private static Target target(TensorFile io, int row, Labels labels) {
    if (labels.problem() == Problem.SINGLE_LABEL) {
      return new Target.Label(io.ints("labels")[row]);
    }
    int from = row * labels.size();
    return new Target.Values(Arrays.copyOfRange(io.floats("labels"), from, from + labels.size()));
  }

  /** The logits of all sequences, one after the other. */
  public static float[] flat(List<float[]> logits) {
    int cols = logits.getFirst().length;
    float[] flat = new float[logits.size() * cols];
    for (int i = 0; i < logits.size(); i++) {
      System.arraycopy(logits.get(i), 0, flat, i * cols, cols);
    }
    return flat;
  }
}
