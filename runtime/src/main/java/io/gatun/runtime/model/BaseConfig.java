package io.gatun.runtime.model;

import io.gatun.quant.checkpoint.Checkpoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The shape of a base model as adapters and files see it: its tensors, and its linear layers by
 * product and by Hugging Face module path.
 */
public sealed interface BaseConfig permits BackboneConfig, ClassifierConfig {

  /**
   * Kind of model.
   *
   * @return {@code model_type} of config.json
   */
  String modelType();

  /**
   * Rows of the embedding.
   *
   * @return number of tokens that the model knows
   */
  int vocabulary();

  /**
   * Features of the residual.
   *
   * @return hidden size
   */
  int hidden();

  /**
   * Number of blocks.
   *
   * @return layers
   */
  int layers();

  /**
   * Positions that the model was trained for.
   *
   * @return tokens
   */
  int contextLength();

  /**
   * Input features of a product.
   *
   * @param projection the product
   * @return columns of its weight
   */
  int inputs(Projection projection);

  /**
   * Output features of each sibling of a product.
   *
   * @param projection the product
   * @return rows of its weight, sibling by sibling
   */
  List<Integer> outputs(Projection projection);

  /**
   * Whether the layers of a product have biases.
   *
   * @param projection the product
   * @return true if each sibling has one
   */
  boolean hasBias(Projection projection);

  /**
   * Module paths of the linear layers of a product.
   *
   * @param layer the block
   * @param projection the product
   * @return one for each of {@link #outputs}
   */
  List<String> paths(int layer, Projection projection);

  /**
   * Every module that is not a linear layer of a block: containers, norms, embedding and head.
   *
   * @return module paths
   */
  List<String> otherModules();

  /**
   * Every tensor of the model.
   *
   * @return names and shapes
   */
  Map<String, List<Long>> tensors();

  /**
   * Numbers in the model.
   *
   * @return elements of all its tensors
   */
  default long parameters() {
    return tensors().values().stream()
        .mapToLong(shape -> shape.stream().mapToLong(Long::longValue).reduce(1, (a, b) -> a * b))
        .sum();
  }

  /**
   * What an adapter's configuration without target modules means.
   *
   * @return ends of module paths; empty where PEFT has no default for such models
   */
  List<String> defaultTargets();

  /**
   * What the names of all modules but the head begin with.
   *
   * @return a module path and a dot; files of a model without head may leave it out
   */
  String prefix();

  /**
   * The blocks and what is before them.
   *
   * @return this, or what a classifier's head stands on
   */
  BackboneConfig backbone();

  /**
   * The dense layers behind the backbone that an adapter may hold whole.
   *
   * @return the head of a classifier; empty for all else
   */
  default List<HeadLayer> head() {
    return List.of();
  }

  /**
   * The tensors of a checkpoint under the names that are used here: with the prefix, and norms with
   * weight and bias.
   *
   * @param checkpoint the files of such a model
   * @return the same tensors
   */
  default Checkpoint named(Checkpoint checkpoint) {
    return StoredNames.named(checkpoint, this);
  }

  /**
   * Output features of a product.
   *
   * @param projection the product
   * @return rows of its weight
   */
  default int outputCols(Projection projection) {
    return outputs(projection).stream().mapToInt(Integer::intValue).sum();
  }

  /**
   * Linear layers of one product.
   *
   * @param layer the block
   * @param projection the product
   * @return siblings in the order of their rows
   */
  default List<LinearLayer> linearLayers(int layer, Projection projection) {
    var linears = new ArrayList<LinearLayer>();
    int firstRow = 0;
    for (String path : paths(layer, projection)) {
      int rows = outputs(projection).get(linears.size());
      linears.add(new LinearLayer(path, layer, projection, firstRow, rows, inputs(projection)));
      firstRow += rows;
    }
    return linears;
  }

  /**
   * Every linear layer that may have an adapter, in the order of the model, block by block.
   *
   * @return siblings of one product side by side
   */
  default List<LinearLayer> linearLayers() {
    var linears = new ArrayList<LinearLayer>();
    for (int layer = 0; layer < layers(); layer++) {
      for (var projection : Projection.values()) {
        linears.addAll(linearLayers(layer, projection));
      }
    }
    return linears;
  }

  /**
   * What all-linear means in the files of an adapter.
   *
   * @return the ends of the paths of all linear layers, each once
   */
  default List<String> linearNames() {
    return linearLayers().stream()
        .map(linear -> linear.path().substring(linear.path().lastIndexOf('.') + 1))
        .distinct()
        .toList();
  }
}
