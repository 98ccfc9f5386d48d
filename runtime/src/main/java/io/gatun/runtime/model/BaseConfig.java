package io.gatun.runtime.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The shape of a base model as adapters and files see it: its tensors, and its linear layers by
 * product and by Hugging Face module path.
 */
public sealed interface BaseConfig permits DecoderConfig {

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
   * What an adapter's configuration without target modules means.
   *
   * @return ends of module paths; empty where PEFT has no default for such models
   */
  List<String> defaultTargets();

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
