package io.gatun.runtime.train;

import io.gatun.kernels.Matrix;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.generate.ExactMatch;
import io.gatun.runtime.model.Batch;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.Loss;
import io.gatun.runtime.model.Sequence;
import io.gatun.runtime.model.TrainPass;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import tools.jackson.databind.node.ObjectNode;

/** A decoder's adapter that learns to continue text. */
final class LanguageTask implements Task {
  private final Decoder decoder;
  private final LoraAdapter adapter;
  private final Dataset rows;
  private final Optional<HeldOut> heldOut;
  private final TrainingPlan plan;
  private final KeptBlocks kept;

  /** Refuses rows that do not suit the model. */
  LanguageTask(
      Decoder decoder,
      LoraAdapter adapter,
      Dataset rows,
      Optional<HeldOut> heldOut,
      TrainingPlan plan) {
    this.decoder = decoder;
    this.adapter = adapter;
    this.rows = rows;
    this.heldOut = heldOut;
    this.plan = plan;
    requireFit(rows);
    heldOut.map(HeldOut::rows).ifPresent(this::requireFit);
    this.kept =
        KeptBlocks.of(
            plan.recompute(),
            decoder.config().layers(),
            decoder.device(),
            blocks -> TrainPass.memory(decoder, adapter, tokens(), blocks).bytes(),
            decoder.decodedBytes(adapter));
  }

  private void requireFit(Dataset dataset) {
    RowFit.require(dataset.statistics().name(), dataset.rows(), decoder.config());
  }

  @Override
  public List<Example> rows() {
    return rows.rows();
  }

  @Override
  public Matrix parameters() {
    return adapter.parameters();
  }

  @Override
  public Metric metric() {
    return Metric.LOSS;
  }

  @Override
  public Set<Metric> metrics() {
    if (heldOut.isEmpty()) {
      return Set.of();
    }
    var metrics = EnumSet.of(Metric.LOSS, Metric.PERPLEXITY);
    heldOut.get().questions().ifPresent(_ -> metrics.add(Metric.EXACT_MATCH));
    return metrics;
  }

  @Override
  public Pass allocate(Arena arena) {
    var model = decoder.decoded(kept.decoded(), adapter, arena);
    return new Run(TrainPass.allocate(model, adapter, tokens(), kept.activations(), arena));
  }

  @Override
  public void save(Path folder) {
    adapter.save(folder);
  }

  @Override
  public void describe(ObjectNode header) {
    RunHeader.model(header, decoder.config(), adapter, decoder.compute(), kept);
    rows.statistics().describe(header.putObject("data"));
    heldOut.ifPresent(held -> {
      var node = header.putObject("held_out");
      held.rows().statistics().describe(node);
      held.questions().ifPresent(questions -> node.put("questions", questions.size()));
      if (!held.lines().isEmpty()) {
        held.lines().forEach(node.putArray("lines")::add);
      }
    });
  }

  /** Most tokens of a micro-batch. */
  private int tokens() {
    int longest = rows.statistics().longest();
    if (heldOut.isPresent()) {
      longest = Math.max(longest, heldOut.get().rows().statistics().longest());
    }
    return Math.max(longest, plan.batches().tokens());
  }

  private List<Batch> batches(List<Example> examples, boolean mayShare) {
    boolean share = mayShare && !decoder.config().rope().dependsOnLength();
    List<Sequence> sequences = new ArrayList<>();
    int first = 0;
    for (Example example : examples) {
      sequences.add(new Sequence(example.ids(), weights(example), first));
      first += example.tokens();
    }
    return MicroBatches.cut(
            examples.stream().map(Example::ids).toList(), plan.batches().tokens(), share)
        .stream()
        .map(rows -> Batch.pack(rows.stream().map(sequences::get).toList(), share))
        .toList();
  }

  private static float[] weights(Example example) {
    float[] weights = new float[example.tokens()];
    for (int i = 1; i < weights.length; i++) {
      weights[i] = example.learned()[i] ? 1 : 0;
    }
    return weights;
  }

  /** The task with the memory to run it. */
  private final class Run implements Pass {
    private final TrainPass pass;

    Run(TrainPass pass) {
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
      var examples = IntStream.of(indices).mapToObj(rows::row).toList();
      return batches(examples, TrainPass.mayShare(decoder, adapter)).stream()
          .map(batch -> new MicroBatch(batch.tokens(), (seed, step) -> pass.run(batch, seed, step)))
          .toList();
    }

    @Override
    public Scores evaluate() {
      var held = heldOut.orElseThrow();
      var loss = Loss.ZERO;
      for (Batch batch : batches(held.rows().rows(), true)) {
        loss = loss.plus(pass.evaluate(batch));
      }
      var figures = new EnumMap<Metric, Double>(Metric.class);
      figures.put(Metric.LOSS, loss.mean());
      figures.put(Metric.PERPLEXITY, Math.exp(loss.mean()));
      held.questions()
          .ifPresent(questions -> figures.put(Metric.EXACT_MATCH, exactMatch(questions)));
      return new Scores(figures, List.of(), Optional.empty());
    }

    private double exactMatch(ExactMatch questions) {
      var graded = questions.ask(decoder, Optional.of(adapter));
      return ExactMatch.right(graded) / (double) questions.size();
    }
  }
}
