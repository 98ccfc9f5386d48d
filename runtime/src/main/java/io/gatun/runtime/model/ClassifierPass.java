package io.gatun.runtime.model;

import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.ActiveAdapters.Training;
import io.gatun.runtime.adapter.AdapterGradients;
import io.gatun.runtime.adapter.LoraAdapter;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;

/**
 * Forward, loss and backward of a classifier's adapter and head on batches. Owns the memory for the
 * largest batch and uses it for all; adds gradients up until they are set to zero. The adapter's
 * dropout acts, and the base's as its configuration says, see {@link Classifier#withoutDropout}.
 * Not for several threads at once.
 */
public final class ClassifierPass {
  private final Classifier classifier;
  private final LoraAdapter adapter;
  private final AdapterGradients gradients;
  private final PassMemory memory;

  private ClassifierPass(
      Classifier classifier, LoraAdapter adapter, AdapterGradients gradients, PassMemory memory) {
    this.classifier = classifier;
    this.adapter = adapter;
    this.gradients = gradients;
    this.memory = memory;
  }

  /**
   * Allocates the memory.
   *
   * @param classifier the base
   * @param adapter what is trained, the head with it
   * @param maxTokens most tokens of a batch
   * @param keptBlocks how many blocks, from the last, keep what backward needs; the others are
   *     computed again, with the same bits
   * @param arena owns the memory
   * @return the pass, all gradients zero
   */
  public static ClassifierPass allocate(
      Classifier classifier, LoraAdapter adapter, int maxTokens, int keptBlocks, Arena arena) {
    var shape = shape(classifier, adapter, maxTokens, keptBlocks);
    var memory = PassMemory.allocate("run.activations", shape, classifier.device(), arena);
    var gradients = AdapterGradients.allocate(adapter, arena);
    return new ClassifierPass(classifier, adapter, gradients, memory);
  }

  /**
   * The memory that {@link #allocate} takes for activations and scratch.
   *
   * @param classifier the base
   * @param adapter what is trained
   * @param maxTokens most tokens of a batch
   * @param keptBlocks how many blocks are kept
   * @return names and sizes
   */
  public static SliceTable memory(
      Classifier classifier, LoraAdapter adapter, int maxTokens, int keptBlocks) {
    return PassMemory.plan(shape(classifier, adapter, maxTokens, keptBlocks));
  }

  private static PassShape shape(
      Classifier classifier, LoraAdapter adapter, int maxTokens, int keptBlocks) {
    return new PassShape(
        classifier.device().kind(),
        classifier.config(),
        classifier.compute(),
        maxTokens,
        maxTokens,
        PassShape.ranks(List.of(adapter)),
        adapter.config().dropout() > 0,
        classifier.config().layers() + 1,
        keptBlocks,
        true);
  }

  /**
   * The loss of a batch; adds its gradient to {@link #gradients}.
   *
   * @param batch at most as many tokens as there is memory for
   * @param seed of dropout
   * @param step number of the optimizer step, for dropout
   * @return sum over the sequences, and how many have a target
   */
  public Loss run(ClassifierBatch batch, long seed, int step) {
    var training = new Training(gradients, adapter.config().dropout(), seed, step);
    var adapters = ActiveAdapters.of(adapter, batch.tokens(), training);
    var pass = classifier.pass(batch, adapters, memory);
    var loss = head(Optional.of(training)).lossAndGradient(batch, pass.forward(), pass.dOutput());
    pass.backward();
    return loss;
  }

  /**
   * What the classifier says of a batch, and the loss of that, without dropout and gradient.
   *
   * @param batch at most as many tokens as there is memory for
   * @return the outcome
   */
  public PredictPass.Result evaluate(ClassifierBatch batch) {
    var adapters = ActiveAdapters.of(adapter, batch.tokens());
    var output = classifier.pass(batch, adapters, memory).forward();
    return head(Optional.empty()).result(batch, output);
  }

  /**
   * Gradients since they were last set to zero.
   *
   * @return gradients of the adapter, its head included
   */
  public AdapterGradients gradients() {
    return gradients;
  }

  private ClassifierHead head(Optional<Training> training) {
    return new ClassifierHead(classifier, memory, Optional.of(adapter), training);
  }
}
