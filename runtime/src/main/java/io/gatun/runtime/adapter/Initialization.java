package io.gatun.runtime.adapter;

import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Philox;
import io.gatun.kernels.ops.Cast;
import io.gatun.runtime.model.Classifier;

/**
 * First values of adapter parameters (formats.md 4.4). Each depends on the seed, the number of the
 * tensor and its place in it, on nothing else.
 */
final class Initialization {
  private Initialization() {}

  /** Fills all A, and B where the configuration asks for it; B is zero otherwise. */
  static void fill(LoraAdapter adapter, long seed) {
    int tensor = 0;
    for (var layer : adapter.layers()) {
      var random = new Random(seed, tensor);
      Matrix a = adapter.a(layer);
      switch (adapter.config().init()) {
        case GAUSSIAN -> HostCopy.write(a, random.normal(a, 1.0 / layer.rank()));
        case DEFAULT, NONZERO -> HostCopy.write(a, random.uniform(a, 1 / Math.sqrt(a.cols())));
      }
      if (adapter.config().init() == LoraConfig.Init.NONZERO) {
        Matrix b = adapter.b(layer);
        HostCopy.write(b, new Random(seed, tensor + 1).uniform(b, 1 / Math.sqrt(layer.rank())));
      }
      tensor += 2;
    }
  }

  /** Fills the head: with the base's values, or at random where the base has none. */
  static void fillHead(LoraAdapter adapter, Classifier classifier, long seed) {
    int tensor = 2 * adapter.layers().size();
    double deviation = classifier.config().initializerRange();
    for (var layer : adapter.trained()) {
      var own = adapter.trained(layer).orElseThrow();
      Matrix weight = (Matrix) own.weight();
      var stored = classifier.stored(layer);
      if (stored.isPresent()) {
        Merge.decode(stored.get().weight(), weight);
        own.bias().ifPresent(bias -> Cast.run(stored.get().bias().orElseThrow(), bias));
      } else {
        HostCopy.write(weight, new Random(seed, tensor).normal(weight, deviation));
      }
      tensor++;
    }
  }

  /** The random numbers of one tensor. */
  private record Random(long seed, int tensor) {

    float[] uniform(Matrix of, double bound) {
      float[] values = new float[of.rows() * of.cols()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) ((2.0 * unit(i) - 1) * bound);
      }
      return values;
    }

    /** Box and Muller: sqrt(-2 ln u) cos(2 pi v). */
    float[] normal(Matrix of, double deviation) {
      float[] values = new float[of.rows() * of.cols()];
      for (int i = 0; i < values.length; i++) {
        double u = 1 - unit(2 * i);
        double v = unit(2 * i + 1);
        values[i] = (float) (deviation * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v));
      }
      return values;
    }

    private float unit(int index) {
      int stream = Philox.Purpose.INITIALIZATION.ordinal() << 28 | tensor;
      return Philox.unit(Philox.words(seed, index / 4, 0, 0, stream)[index % 4]);
    }
  }
}
