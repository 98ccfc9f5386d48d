package io.gatun.runtime.model;

import io.gatun.kernels.DropoutKey;
import io.gatun.runtime.adapter.ActiveAdapters.Training;

/** Where the base drops something. */
enum DropoutPlace {
  /** The sum of the embeddings; counted as of block 0. */
  EMBEDDINGS,
  /** Attention's weights in a block. */
  WEIGHTS,
  /** The output projection's results in a block. */
  OUTPUT,
  /** The down projection's results in a block. */
  DOWN,
  /** What a layer of the head reads; its layers count from 0 as blocks do. */
  HEAD;

  /** Above all numbers of the adapter's masks, which {@link Pass#tensor} gives. */
  private static final int BASE = 1 << 27;

  /** The mask of this place in a block. */
  DropoutKey key(Training training, int layer) {
    return new DropoutKey(training.seed(), training.step(), tensor(layer));
  }

  /** The number of this place, by which masks are told apart. */
  int tensor(int layer) {
    return BASE + layer * values().length + ordinal();
  }
}
