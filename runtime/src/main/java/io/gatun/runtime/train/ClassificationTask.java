package io.gatun.runtime.train;

import io.gatun.kernels.Matrix;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierBatch;
import io.gatun.runtime.model.ClassifierPass;
import io.gatun.runtime.model.ClassifierRow;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Loss;
import io.gatun.runtime.model.Problem;
import io.gatun.runtime.model.Target;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import tools.jackson.databind.node.ObjectNode;

/** A classifier's adapter and head that learn the labels of rows. */
final class ClassificationTask implements Task {
  private final Classifier classifier;
  private final LoraAdapter adapter;
  private final ClassificationData rows;
  private final Optional<ClassificationData> heldOut;
  private final TrainingPlan plan;
  private final KeptBlocks kept;

  /** Refuses rows that do not suit the model. */
  ClassificationTask(
      Classifier classifier,
      LoraAdapter adapter,
      ClassificationData rows,
      Optional<ClassificationData> heldOut,
      TrainingPlan plan) {
    this.classifier = classifier;
    this.adapter = adapter;
    this.rows = rows;
    this.heldOut = heldOut;
    this.plan = plan;
    requireFit(rows);
    heldOut.ifPresent(this::requireFit);
    this.kept =
        KeptBlocks.of(
            plan.recompute(),
            classifier.config().layers(),
            classifier.device(),
            blocks -> ClassifierPass.memory(classifier, adapter, tokens(), blocks).bytes(),
            classifier.backbone().decodedBytes(adapter));
  }

  private void requireFit(ClassificationData data) {
    String name = data.statistics().name();
    if (!data.labels().equals(labels())) {
      throw new TrainingException(
          "%s has the labels %s (%s), the classifier was loaded for %s (%s); load it with those of the rows."
              .formatted(
                  name,
                  data.labels().names(),
                  data.labels().problem().configName(),
                  labels().names(),
                  labels().problem().configName()));
    }
    RowFit.require(name, data.rows(), classifier.config());
  }

  private Labels labels() {
    return classifier.config().labels();
  }

  @Override
  public List<LabelledRow> rows() {
    return rows.rows();
  }

  @Override
  public Matrix parameters() {
    return adapter.parameters();
  }

  @Override
  public Metric metric() {
    return labels().problem() == Problem.SINGLE_LABEL ? Metric.ACCURACY : Metric.LOSS;
  }

  @Override
  public Set<Metric> metrics() {
    return heldOut.isPresent() ? Scores.metrics(labels()) : Set.of();
  }

  @Override
  public Pass allocate(Arena arena) {
    var model = classifier.decoded(kept.decoded(), adapter, arena);
    return new Run(ClassifierPass.allocate(model, adapter, tokens(), kept.activations(), arena));
  }

  @Override
  public void save(Path folder) {
    adapter.save(folder);
  }

  @Override
  public void describe(ObjectNode header) {
    RunHeader.model(header, classifier.config(), adapter, classifier.compute(), kept);
    labels().write(header.putObject("labels"));
    rows.statistics().describe(header.putObject("data"));
    heldOut.ifPresent(held -> held.describeHeldOut(header.putObject("held_out")));
  }

  /** Most tokens of a micro-batch. */
  private int tokens() {
    int longest = rows.statistics().longest();
    if (heldOut.isPresent()) {
      longest = Math.max(longest, heldOut.get().statistics().longest());
    }
    return Math.max(longest, budget());
  }

  /** Tokens that are computed at a time: as planned, but no more than a step can have. */
  private int budget() {
    long step = (long) plan.batches().rows() * rows.statistics().longest();
    return (int) Math.min(plan.batches().tokens(), step);
  }

  /** The rows of each micro-batch. */
  private List<List<Integer>> cut(List<LabelledRow> some) {
    int[] lengths = some.stream().mapToInt(LabelledRow::tokens).toArray();
    return Packing.bestFitDecreasing(lengths, budget());
  }

  /** The task with the memory to run it. */
  private final class Run implements Pass {
    private final ClassifierPass pass;

    Run(ClassifierPass pass) {
      this.pass = pass;
    }

    @Override
    public Matrix gradients() {
      return pass.gradients().sum();
    }

    @Override
    public void zeroGradients() {
      pass.gradients().zero();
    }

    @Override
    public List<MicroBatch> microBatches(int[] indices) {
      var some = IntStream.of(indices).mapToObj(rows.rows()::get).toList();
      List<ClassifierRow> placed = new ArrayList<>();
      int first = 0;
      for (LabelledRow row : some) {
        placed.add(row.row().from(first));
        first += row.tokens();
      }
      return cut(some).stream()
          .map(part -> ClassifierBatch.pack(part.stream().map(placed::get).toList()))
          .map(batch -> new MicroBatch(batch.tokens(), (seed, step) -> pass.run(batch, seed, step)))
          .toList();
    }

    @Override
    public Scores evaluate() {
      var held = heldOut.orElseThrow().rows();
      float[][] predicted = new float[held.size()][];
      var loss = Loss.ZERO;
      for (List<Integer> part : cut(held)) {
        var batch = ClassifierBatch.pack(part.stream().map(i -> held.get(i).row()).toList());
        var result = pass.evaluate(batch);
        loss = loss.plus(result.loss());
        for (int i = 0; i < part.size(); i++) {
          predicted[part.get(i)] = result.probabilities().get(i);
        }
      }
      List<Target> actual = held.stream().map(row -> row.row().target()).toList();
      return Scores.of(labels(), actual, Arrays.asList(predicted), loss);
    }
  }
}
