package io.gatun.runtime.model;

import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.LoraAdapter;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;

/**
 * Forward of a classifier: what it says of sequences, with or without an adapter. Owns the memory
 * for the largest batch and uses it for all. Not for several threads at once.
 */
public final class PredictPass {
  private final Classifier classifier;
  private final PassMemory memory;

  private PredictPass(Classifier classifier, PassMemory memory) {
    this.classifier = classifier;
    this.memory = memory;
  }

  /**
   * Allocates the memory.
   *
   * @param classifier the model
   * @param adapters those that will be used
   * @param maxTokens most tokens of a batch
   * @param arena owns the memory
   * @return the pass
   */
  public static PredictPass allocate(
      Classifier classifier, List<LoraAdapter> adapters, int maxTokens, Arena arena) {
    var shape =
        new PassShape(
            classifier.device().kind(),
            classifier.config(),
            classifier.compute(),
            maxTokens,
            maxTokens,
            PassShape.ranks(adapters),
            false,
            2,
            0,
            false);
    return new PredictPass(
        classifier, PassMemory.allocate("run.prediction", shape, classifier.device(), arena));
  }

  /**
   * Runs a batch.
   *
   * @param batch at most as many tokens as there is memory for
   * @param adapter that acts on all of it; empty for the base alone, which then needs a head of its
   *     own
   * @return the outcome
   */
  public Result run(ClassifierBatch batch, Optional<LoraAdapter> adapter) {
    var head = new ClassifierHead(classifier, memory, adapter, Optional.empty());
    var adapters =
        adapter.map(a -> ActiveAdapters.of(a, batch.tokens())).orElse(ActiveAdapters.NONE);
    return head.result(batch, classifier.pass(batch, adapters, memory).forward());
  }

  /**
   * The outcome of a batch.
   *
   * @param logits of each sequence, in the order of the labels
   * @param probabilities of each sequence: of the labels; in regression the values themselves
   * @param loss over the sequences that have a target
   */
  public record Result(List<float[]> logits, List<float[]> probabilities, Loss loss) {}
}
