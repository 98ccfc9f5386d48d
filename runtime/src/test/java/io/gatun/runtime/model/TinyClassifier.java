package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Small classifiers, adapters that have an effect, and rows of random tokens. */
public final class TinyClassifier {
  private TinyClassifier() {}

  /** A model of the golden folder, under the labels it was made for. */
  public static Classifier load(String path, DType compute, Device device, Arena arena) {
    var checkpoint = Checkpoint.open(Golden.file(path), arena);
    return load(path, Labels.of(checkpoint), compute, device, arena);
  }

  /** A model of the golden folder, under other labels. */
  public static Classifier load(
      String path, Labels labels, DType compute, Device device, Arena arena) {
    var format = compute == DType.BF16 ? WeightFormat.bf16() : WeightFormat.f32();
    var checkpoint = Checkpoint.open(Golden.file(path), arena);
    return Classifier.load(checkpoint, labels, format, compute, device, arena);
  }

  /** An adapter of all linear layers whose B is not zero. */
  public static LoraAdapter adapter(Classifier classifier, float dropout, Arena arena) {
    var config = LoraConfig.defaults().withRank(4, 8).withDropout(dropout);
    var adapter = LoraAdapter.create(classifier, config, 7, arena);
    var random = new Random(3);
    for (var layer : adapter.layers()) {
      float[] b = new float[layer.linear().rows() * layer.rank()];
      for (int i = 0; i < b.length; i++) {
        b[i] = (float) random.nextGaussian() / 10;
      }
      HostCopy.write(adapter.b(layer), b);
    }
    return adapter;
  }

  /** Rows of random tokens and types with a target each. */
  public static List<ClassifierRow> rows(Classifier classifier, long seed, int... lengths) {
    var random = new Random(seed);
    var labels = classifier.config().labels();
    int types =
        classifier.backbone() instanceof Encoder e ? Math.max(1, e.config().tokenTypes()) : 1;
    var rows = new ArrayList<ClassifierRow>();
    int first = 0;
    for (int length : lengths) {
      int[] ids = random.ints(length, 3, classifier.config().vocabulary()).toArray();
      int[] typeIds = random.ints(length, 0, types).toArray();
      rows.add(new ClassifierRow(ids, typeIds, target(labels, random), first));
      first += length;
    }
    return rows;
  }

  private static Target target(Labels labels, Random random) {
    if (labels.problem() == Problem.SINGLE_LABEL) {
      return new Target.Label(random.nextInt(labels.size()));
    }
    float[] values = new float[labels.size()];
    for (int i = 0; i < values.length; i++) {
      boolean several = labels.problem() == Problem.MULTI_LABEL;
      values[i] = several ? random.nextInt(2) : (float) random.nextGaussian();
    }
    return new Target.Values(values);
  }
}
