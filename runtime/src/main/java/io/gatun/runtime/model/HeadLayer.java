package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A dense layer of a classifier's head, y = f(W x + b), by its Hugging Face module path.
 *
 * @param path for example {@code classifier}
 * @param inputs columns of W
 * @param outputs rows of W
 * @param biased whether there is a b
 * @param activation f, if any
 * @param dropout with which probability an input is dropped in training
 * @param stored whether the base has its weights; a layer that is new has values in an adapter only
 */
public record HeadLayer(
    String path,
    int inputs,
    int outputs,
    boolean biased,
    Optional<Activation> activation,
    float dropout,
    boolean stored) {

  /** The same layer, found in a file or not. */
  HeadLayer in(boolean found) {
    return new HeadLayer(path, inputs, outputs, biased, activation, dropout, found);
  }

  /** The same layer, which drops nothing. */
  HeadLayer withoutDropout() {
    return new HeadLayer(path, inputs, outputs, biased, activation, 0, stored);
  }

  /**
   * Numbers in it.
   *
   * @return elements of W and b
   */
  public long parameters() {
    return (long) outputs * inputs + (biased ? outputs : 0);
  }

  /**
   * Its tensors.
   *
   * @return names and shapes
   */
  public Map<String, List<Long>> tensors() {
    var shapes = new LinkedHashMap<String, List<Long>>();
    shapes.put(WeightNames.weight(path), List.of((long) outputs, (long) inputs));
    if (biased) {
      shapes.put(WeightNames.bias(path), List.of((long) outputs));
    }
    return shapes;
  }
}
