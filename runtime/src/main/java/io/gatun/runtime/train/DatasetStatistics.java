package io.gatun.runtime.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a dataset holds.
 *
 * @param name file of the rows
 * @param shape how rows are written: prompt/completion, messages, …
 * @param rows rows that are trained on
 * @param tokens their tokens
 * @param supervised tokens that carry a loss
 * @param longest tokens of the longest row
 * @param maxLength rows are cut to this many tokens
 * @param cut rows that were longer
 * @param dropped rows of which the cut left nothing to learn; they are not among {@code rows}
 * @param merged rows whose prompt ends inside a token of prompt and completion together
 */
public record DatasetStatistics(
    String name,
    String shape,
    int rows,
    long tokens,
    long supervised,
    int longest,
    int maxLength,
    int cut,
    int dropped,
    int merged) {

  static DatasetStatistics of(String name, String shape, List<Example> rows) {
    return new DatasetStatistics(
        name,
        shape,
        rows.size(),
        rows.stream().mapToLong(Example::tokens).sum(),
        rows.stream().mapToLong(Example::supervised).sum(),
        rows.stream().mapToInt(Example::tokens).max().orElse(0),
        Integer.MAX_VALUE,
        0,
        0,
        0);
  }

  /**
   * The counts in a line.
   *
   * @return for a log
   */
  public String summary() {
    return String.format(
        Locale.ROOT,
        "%s: %,d rows (%s), %,d tokens, %,d of them learned, longest row %,d",
        name,
        rows,
        shape,
        tokens,
        supervised,
        longest);
  }

  /** Notes the counts in a line of metrics.jsonl. */
  void describe(ObjectNode node) {
    node.put("name", name)
        .put("shape", shape)
        .put("rows", rows)
        .put("tokens", tokens)
        .put("supervised_tokens", supervised)
        .put("longest", longest)
        .put("cut", cut)
        .put("dropped", dropped);
  }

  /** These counts with those of what happened to longer rows and to prompts. */
  DatasetStatistics afterCut(int length, int cutRows, int droppedRows, int mergedRows) {
    return new DatasetStatistics(
        name, shape, rows, tokens, supervised, longest, length, cutRows, droppedRows, mergedRows);
  }

  /**
   * What somebody should know before training on these rows.
   *
   * @return sentences, often none
   */
  public List<String> warnings() {
    List<String> warnings = new ArrayList<>();
    if (cut > 0) {
      warnings.add(
          "%s: %d rows are longer than %d tokens and were cut; raise the maximum length to keep their ends."
              .formatted(name, cut, maxLength));
    }
    if (dropped > 0) {
      warnings.add(
          "%s: %d of the rows that were cut have nothing left to learn and were dropped."
              .formatted(name, dropped));
    }
    if (merged > 0) {
      warnings.add(
          "%s: in %d rows the last token of the prompt and the first of the completion merge; let the"
                  .formatted(name, merged)
              + " completion begin with the blank rather than end the prompt with it.");
    }
    return warnings;
  }
}
