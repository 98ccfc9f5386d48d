package io.gatun.runtime.generate;

import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Prompts that have one right answer each. A model answers them greedily; an answer is right if it
 * equals the expected text, outer blanks and upper case aside.
 */
public final class ExactMatch {
  /** Tokens an answer may be longer than the longest expected one. */
  private static final int SLACK = 4;

  private final Tokenizer tokenizer;
  private final List<Question> questions;
  private final int maxTokens;

  private ExactMatch(Tokenizer tokenizer, List<Question> questions, int maxTokens) {
    this.tokenizer = tokenizer;
    this.questions = List.copyOf(questions);
    this.maxTokens = maxTokens;
  }

  /**
   * A prompt and what it should give.
   *
   * @param line line of its file, from 1
   * @param prompt tokens, at least one
   * @param expected the right answer
   */
  public record Question(int line, int[] prompt, String expected) {}

  /**
   * A question and what the model said to it.
   *
   * @param question the question
   * @param answer the model's
   */
  public record Graded(Question question, Answer answer) {
    /**
     * Whether the answer is right.
     *
     * @return true if it equals the expected one
     */
    public boolean isRight() {
      return normal(answer.text()).equals(normal(question.expected()));
    }

    private static String normal(String text) {
      return text.strip().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Questions whose answers may be a little longer than the longest expected one.
   *
   * @param tokenizer of the model; must stay open as long as questions are asked
   * @param questions at least one
   * @return the questions
   */
  public static ExactMatch of(Tokenizer tokenizer, List<Question> questions) {
    int longest =
        questions.stream()
            .mapToInt(question -> tokenizer.encode(question.expected(), false).length)
            .max()
            .orElseThrow(() -> new IllegalArgumentException("there is no question to answer"));
    return new ExactMatch(tokenizer, questions, longest + SLACK);
  }

  /**
   * The same questions with another limit.
   *
   * @param tokens most tokens of an answer
   * @return a copy
   */
  public ExactMatch withMaxTokens(int tokens) {
    return new ExactMatch(tokenizer, questions, tokens);
  }

  /**
   * Number of questions.
   *
   * @return at least 1
   */
  public int size() {
    return questions.size();
  }

  /**
   * Asks a model every question.
   *
   * @param decoder the base model
   * @param adapter to run it with, if any
   * @return the answers, in the order of the questions
   */
  public List<Graded> ask(Decoder decoder, Optional<LoraAdapter> adapter) {
    var base = Generator.of(decoder, tokenizer);
    var answers =
        adapter
            .map(base::with)
            .orElse(base)
            .generate(
                questions.stream().map(Question::prompt).toList(),
                Sampling.greedy(maxTokens),
                Listener.SILENT);
    List<Graded> graded = new ArrayList<>();
    for (int i = 0; i < answers.size(); i++) {
      graded.add(new Graded(questions.get(i), answers.get(i)));
    }
    return graded;
  }

  /**
   * How many answers are right.
   *
   * @param graded answers
   * @return their number
   */
  public static int right(List<Graded> graded) {
    return (int) graded.stream().filter(Graded::isRight).count();
  }
}
