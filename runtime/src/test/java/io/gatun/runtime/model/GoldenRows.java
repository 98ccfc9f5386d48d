package io.gatun.runtime.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** The rows of a golden batch without their padding. */
public record GoldenRows(int[][] ids, boolean[] kept, int columns) {

  public static GoldenRows of(TensorFile io, String idsName, String maskName) {
    int[][] ids = io.rows(idsName);
    int columns = ids[0].length;
    boolean[] kept = new boolean[ids.length * columns];
    Arrays.fill(kept, true);
    if (io.has(maskName)) {
      int[] mask = io.ints(maskName);
      for (int i = 0; i < mask.length; i++) {
        kept[i] = mask[i] == 1;
      }
    }
    return new GoldenRows(ids, kept, columns);
  }

  public int tokens() {
    int tokens = 0;
    for (boolean k : kept) {
      tokens += k ? 1 : 0;
    }
    return tokens;
  }

  public List<Sequence> sequences() {
    int[][] none = new int[ids.length][columns];
    for (int[] row : none) {
      Arrays.fill(row, -100);
    }
    return labelled(none);
  }

  /** Weight 1 wherever the label is not -100. */
  public List<Sequence> labelled(int[][] labels) {
    var sequences = new ArrayList<Sequence>();
    for (int r = 0; r < ids.length; r++) {
      int row = r;
      int[] columnsKept =
          IntStream.range(0, columns).filter(t -> kept[row * columns + t]).toArray();
      int[] rowIds = Arrays.stream(columnsKept).map(t -> ids[row][t]).toArray();
      float[] weights = new float[rowIds.length];
      for (int i = 0; i < weights.length; i++) {
        weights[i] = labels[row][columnsKept[i]] == -100 ? 0 : 1;
      }
      sequences.add(new Sequence(rowIds, weights));
    }
    return sequences;
  }

  /** The features of the kept tokens. */
  public float[] kept(float[] features) {
    int width = features.length / kept.length;
    float[] result = new float[tokens() * width];
    int to = 0;
    for (int i = 0; i < kept.length; i++) {
      if (kept[i]) {
        System.arraycopy(features, i * width, result, to++ * width, width);
      }
    }
    return result;
  }
}
