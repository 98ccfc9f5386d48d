package io.gatun.runtime.generate;

import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.text.Tokenizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Generates text with a model, and an adapter if there is one. Immutable; several threads may use
 * one, each call has memory of its own. Prompts of one call run together: their common beginning is
 * computed once, and when an answer ends the next prompt takes its place.
 */
public final class Generator {
  private final Decoder decoder;
  private final Tokenizer tokenizer;
  private final Optional<LoraAdapter> adapter;

  private Generator(Decoder decoder, Tokenizer tokenizer, Optional<LoraAdapter> adapter) {
    this.decoder = decoder;
    this.tokenizer = tokenizer;
    this.adapter = adapter;
  }

  /**
   * A generator of the base model.
   *
   * @param decoder the model
   * @param tokenizer of that model
   * @return a generator
   */
  public static Generator of(Decoder decoder, Tokenizer tokenizer) {
    return new Generator(decoder, tokenizer, Optional.empty());
  }

  /**
   * The same model with an adapter.
   *
   * @param lora an adapter of this model
   * @return another generator; this one stays as it is
   */
  public Generator with(LoraAdapter lora) {
    return new Generator(decoder, tokenizer, Optional.of(lora));
  }

  /**
   * Answers prompts.
   *
   * @param prompts tokens of each
   * @param sampling how tokens are chosen
   * @param listener hears the text as it is generated
   * @return an answer for each prompt, in their order
   * @throws IllegalArgumentException when a prompt is empty or leaves no room in the model's
   *     context
   */
  public List<Answer> generate(List<int[]> prompts, Sampling sampling, Listener listener) {
    if (prompts.isEmpty()) {
      return List.of();
    }
    var writers = writers(prompts, sampling, listener);
    try (var session = session(prompts, sampling, writers)) {
      while (!session.isDone()) {
        session.step();
      }
    }
    return writers.stream().map(Writer::answer).toList();
  }

  /**
   * Answers one prompt, piece by piece as the stream is read. The stream holds native memory until
   * it is read to its end or closed, and belongs to the thread that asked for it.
   *
   * @param prompt text as the model reads it, special tokens included where its template has them
   * @param sampling how tokens are chosen
   * @return pieces of the answer
   */
  public Stream<String> stream(String prompt, Sampling sampling) {
    var pieces = new ArrayDeque<String>();
    var prompts = List.of(tokenizer.encode(prompt, true));
    var writers = writers(prompts, sampling, (_, piece) -> pieces.add(piece));
    var session = session(prompts, sampling, writers);
    return StreamSupport.stream(new Pieces(session, pieces), false).onClose(session::close);
  }

  private Session session(List<int[]> prompts, Sampling sampling, List<Writer> writers) {
    return new Session(decoder, adapter, prompts, writers, sampling, tokenizer.vocabularySize());
  }

  private List<Writer> writers(List<int[]> prompts, Sampling sampling, Listener listener) {
    var writers = new ArrayList<Writer>();
    for (int i = 0; i < prompts.size(); i++) {
      int number = i;
      int room = room(i, prompts.get(i).length, sampling.maxTokens());
      Consumer<String> pieces = piece -> listener.text(number, piece);
      writers.add(new Writer(tokenizer, sampling.stop(), room, pieces));
    }
    return writers;
  }

  /** How many tokens an answer may have. */
  private int room(int number, int length, int maxTokens) {
    int context = decoder.config().contextLength();
    if (length == 0) {
      throw new IllegalArgumentException("prompt " + (number + 1) + " is empty; give it some text");
    }
    if (length >= context) {
      throw new IllegalArgumentException(
          "prompt %d has %d tokens, and the model's context is %d; shorten the prompt"
              .formatted(number + 1, length, context));
    }
    return Math.min(maxTokens, context - length);
  }

  /** Runs a session just as far as pieces are asked for. */
  private static final class Pieces extends Spliterators.AbstractSpliterator<String> {
    private final Session session;
    private final Queue<String> pieces;

    Pieces(Session session, Queue<String> pieces) {
      super(Long.MAX_VALUE, Spliterator.ORDERED | Spliterator.NONNULL);
      this.session = session;
      this.pieces = pieces;
    }

    @Override
    public boolean tryAdvance(Consumer<? super String> action) {
      while (pieces.isEmpty() && !session.isDone()) {
        session.step();
      }
      if (pieces.isEmpty()) {
        session.close();
        return false;
      }
      action.accept(pieces.remove());
      return true;
    }
  }
}
