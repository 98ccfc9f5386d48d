package io.gatun.runtime.predict;

import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierBatch;
import io.gatun.runtime.model.ClassifierRow;
import io.gatun.runtime.model.Loss;
import io.gatun.runtime.model.PredictPass;
import io.gatun.runtime.text.Encoding;
import io.gatun.runtime.text.Tokenizer;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Says what a classifier, with its adapter if there is one, makes of texts. Immutable; several
 * threads may use one. Each call has memory of its own, allocated once, for the largest of its
 * batches: it grows with the longest text, never with the number of texts.
 */
public final class Predictor {
  /** Tokens that make the products of a batch large enough for their speed. */
  private static final int BATCH_TOKENS = 1024;

  private final Classifier classifier;
  private final Tokenizer tokenizer;
  private final Optional<LoraAdapter> adapter;
  private final int maxLength;
  private final int batchTokens;

  private Predictor(
      Classifier classifier,
      Tokenizer tokenizer,
      Optional<LoraAdapter> adapter,
      int maxLength,
      int batchTokens) {
    this.classifier = classifier;
    this.tokenizer = tokenizer;
    this.adapter = adapter;
    this.maxLength = maxLength;
    this.batchTokens = batchTokens;
  }

  /**
   * A predictor without adapter.
   *
   * @param classifier a model with a head of its own
   * @param tokenizer of that model; must stay open as long as the predictor is used
   * @return the predictor, which reads texts as far as the model's context goes
   * @throws IllegalArgumentException if the model has no head, or not all of one
   */
  public static Predictor of(Classifier classifier, Tokenizer tokenizer) {
    var missing = classifier.config().newModules();
    if (!missing.isEmpty()) {
      throw new IllegalArgumentException(
          "the model has no weights for %s: it needs an adapter that holds them"
              .formatted(String.join(" and ", missing)));
    }
    return of(classifier, tokenizer, Optional.empty());
  }

  /**
   * A predictor with an adapter.
   *
   * @param classifier the base
   * @param tokenizer of the base; must stay open as long as the predictor is used
   * @param adapter made for that base
   * @return the predictor, which reads texts as far as the model's context goes
   */
  public static Predictor of(Classifier classifier, Tokenizer tokenizer, LoraAdapter adapter) {
    return of(classifier, tokenizer, Optional.of(adapter));
  }

  private static Predictor of(
      Classifier classifier, Tokenizer tokenizer, Optional<LoraAdapter> adapter) {
    int context = classifier.config().contextLength();
    return new Predictor(classifier, tokenizer, adapter, context, BATCH_TOKENS);
  }

  /**
   * The same predictor with another limit for texts.
   *
   * @param tokens most tokens of a text or a pair, with those that the tokenizer adds; at most the
   *     model's context
   * @return a copy
   */
  public Predictor withMaxLength(int tokens) {
    int context = classifier.config().contextLength();
    if (tokens < 1 || tokens > context) {
      throw new IllegalArgumentException(
          "the maximum length is %,d tokens; the model reads 1 to %,d".formatted(tokens, context));
    }
    return new Predictor(classifier, tokenizer, adapter, tokens, batchTokens);
  }

  /**
   * The same predictor with batches of another size.
   *
   * @param tokens most tokens of a batch, if it has more than one text
   * @return a copy
   */
  public Predictor withBatchTokens(int tokens) {
    if (tokens < 1) {
      throw new IllegalArgumentException("a batch of " + tokens + " tokens holds no text");
    }
    return new Predictor(classifier, tokenizer, adapter, maxLength, tokens);
  }

  /**
   * Most tokens of a text.
   *
   * @return tokens, those that the tokenizer adds included
   */
  public int maxLength() {
    return maxLength;
  }

  /**
   * Classifies one text.
   *
   * @param text not blank
   * @return what it is
   */
  public Prediction predict(String text) {
    return predict(List.of(Input.of(text))).getFirst();
  }

  /**
   * Classifies texts. Those that are too long are cut at their end, of a pair the longer first.
   *
   * @param inputs texts and pairs
   * @return a prediction for each, in their order
   */
  public List<Prediction> predict(List<Input> inputs) {
    var rows = inputs.stream().map(this::row).toList();
    var scores = run(rows).probabilities();
    var labels = classifier.config().labels();
    return IntStream.range(0, inputs.size())
        .mapToObj(i -> new Prediction(labels, scores.get(i), cut(inputs.get(i), rows.get(i))))
        .toList();
  }

  /**
   * The tokens of a text, as they are run.
   *
   * @param input a text or a pair; what is too long is cut
   * @return a row without target
   */
  public ClassifierRow row(Input input) {
    var encoding = encode(input, maxLength);
    if (encoding.length() == 0) {
      throw new IllegalArgumentException(
          "the tokenizer leaves nothing of the text \"%s\", so there is nothing to classify"
              .formatted(input.first()));
    }
    return ClassifierRow.unlabelled(encoding.ids(), encoding.typeIds());
  }

  private Encoding encode(Input input, int length) {
    return input
        .second()
        .map(second -> tokenizer.encodePair(input.first(), second, length))
        .orElseGet(() -> tokenizer.encodeText(input.first(), length));
  }

  /** Tokens that were cut; only a text that fills its room can have lost some. */
  private int cut(Input input, ClassifierRow row) {
    int length = row.ids().length;
    return length < maxLength ? 0 : encode(input, Integer.MAX_VALUE).length() - length;
  }

  /**
   * Runs texts that are tokens already.
   *
   * @param rows not longer than the model's context
   * @return for each its logits and scores, in their order; the loss of those with a target
   */
  public PredictPass.Result run(List<ClassifierRow> rows) {
    var batches = batches(rows);
    float[][] logits = new float[rows.size()][];
    float[][] scores = new float[rows.size()][];
    var loss = Loss.ZERO;
    try (var memory = Arena.ofConfined()) {
      int most = batches.stream().mapToInt(batch -> tokens(rows, batch)).max().orElse(1);
      var pass = PredictPass.allocate(classifier, adapter.stream().toList(), most, memory);
      for (var batch : batches) {
        var packed = ClassifierBatch.pack(batch.stream().map(rows::get).toList());
        var result = pass.run(packed, adapter);
        for (int i = 0; i < batch.size(); i++) {
          logits[batch.get(i)] = finite(result.logits().get(i));
          scores[batch.get(i)] = result.probabilities().get(i);
        }
        loss = loss.plus(result.loss());
      }
    }
    return new PredictPass.Result(List.of(logits), List.of(scores), loss);
  }

  /** Which texts run together: the longest first, so that what does not fit fails at once. */
  private List<List<Integer>> batches(List<ClassifierRow> rows) {
    var batches = new ArrayList<List<Integer>>();
    int room = 0;
    for (int row : longestFirst(rows)) {
      int length = rows.get(row).ids().length;
      if (batches.isEmpty() || length > room) {
        batches.add(new ArrayList<>());
        room = batchTokens;
      }
      batches.getLast().add(row);
      room -= length;
    }
    return batches;
  }

  private static List<Integer> longestFirst(List<ClassifierRow> rows) {
    return IntStream.range(0, rows.size())
        .boxed()
        .sorted(Comparator.comparing((Integer row) -> -rows.get(row).ids().length))
        .toList();
  }

  private static int tokens(List<ClassifierRow> rows, List<Integer> batch) {
    return batch.stream().mapToInt(row -> rows.get(row).ids().length).sum();
  }

  private static float[] finite(float[] logits) {
    for (float logit : logits) {
      if (!Float.isFinite(logit)) {
        throw new ArithmeticException(
            "the model gives a text the logit %s: the weights of the model or of its adapter are broken, or too large for the type of the computation"
                .formatted(logit));
      }
    }
    return logits;
  }
}
