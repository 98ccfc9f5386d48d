package io.gatun.runtime.model;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.LoraLinear;

/** Where the parts of a model come from. Each part is asked for once. */
sealed interface LayerSource permits LayerLoader, RandomLayers {

  /** A table in the compute type. */
  Matrix table(String module);

  /** A table in the compute type, unless it is stored in 4 bit. */
  Weight weight(String module);

  /** A product of a block: its siblings as one weight. */
  LoraLinear product(int layer, Projection projection, WeightFormat format);

  /** A vector of a norm. */
  Matrix vector(String name);
}
