package io.gatun.runtime.predict;

import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Problem;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What a classifier says of a text.
 *
 * @param labels what it tells apart
 * @param scores one for each label, in their order: where one label of several applies,
 *     probabilities that add up to 1 (softmax); where any may apply, the probability of each
 *     (sigmoid); in regression the values themselves
 * @param cut tokens at the end of the text that were not read, because it is too long
 */
public record Prediction(Labels labels, float[] scores, int cut) {
  private static final float APPLIES = 0.5f; // a label that is more probable than not

  /**
   * The most probable label.
   *
   * @return its name
   * @throws IllegalStateException in regression, which has values and no label
   */
  public String label() {
    return labels.names().get(best());
  }

  /**
   * The most probable label, as a number.
   *
   * @return its place among the labels; the first of several that are equally probable
   * @throws IllegalStateException in regression, which has values and no label
   */
  public int best() {
    if (labels.problem() == Problem.REGRESSION) {
      throw new IllegalStateException("a regression gives values, not a label");
    }
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
    }
    return best;
  }

  /**
   * The labels that apply: the most probable one, or, where any may apply, those that are more
   * probable than not.
   *
   * @return names in the order of the labels; in multi-label classification perhaps none
   * @throws IllegalStateException in regression
   */
  public List<String> applying() {
    return labels.problem() == Problem.MULTI_LABEL
        ? IntStream.range(0, scores.length)
            .filter(i -> scores[i] > APPLIES)
            .mapToObj(labels.names()::get)
            .toList()
        : List.of(label());
  }

  /**
   * The scores by label.
   *
   * @return name and score, in the order of the labels
   */
  public Map<String, Float> byLabel() {
    var byLabel = new LinkedHashMap<String, Float>();
    for (int i = 0; i < scores.length; i++) {
      byLabel.put(labels.names().get(i), scores[i]);
    }
    return Collections.unmodifiableMap(byLabel);
  }
}
