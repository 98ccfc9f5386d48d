package io.gatun.runtime.model;

import io.gatun.kernels.Segment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Sequences packed one after the other, without padding. Each is a segment of its own: no token
 * sees another sequence.
 *
 * @param ids token of each row of the pack
 * @param typeIds type of each row
 * @param segments which rows belong together, sequence by sequence
 * @param tokenIndex of each row, its index within the optimizer step
 * @param targets of each sequence
 */
public record ClassifierBatch(
    int[] ids, int[] typeIds, List<Segment> segments, int[] tokenIndex, List<Target> targets) {

  /** Copies the lists. */
  public ClassifierBatch {
    segments = List.copyOf(segments);
    targets = List.copyOf(targets);
  }

  /**
   * Packs sequences.
   *
   * @param rows at least one
   * @return the pack
   */
  public static ClassifierBatch pack(List<ClassifierRow> rows) {
    if (rows.isEmpty()) {
      throw new IllegalArgumentException("a batch needs at least one sequence");
    }
    var ids = IntStream.builder();
    var typeIds = IntStream.builder();
    var tokenIndex = IntStream.builder();
    var segments = new ArrayList<Segment>();
    int first = 0;
    for (var row : rows) {
      segments.add(Segment.of(first, row.ids().length));
      for (int t = 0; t < row.ids().length; t++) {
        ids.add(row.ids()[t]);
        typeIds.add(row.typeIds()[t]);
        tokenIndex.add(row.firstToken() + t);
      }
      first += row.ids().length;
    }
    return new ClassifierBatch(
        ids.build().toArray(),
        typeIds.build().toArray(),
        segments,
        tokenIndex.build().toArray(),
        rows.stream().map(ClassifierRow::target).toList());
  }

  /**
   * Tokens computed.
   *
   * @return rows of the pack
   */
  public int tokens() {
    return ids.length;
  }

  /**
   * Sequences.
   *
   * @return how many
   */
  public int sequences() {
    return segments.size();
  }

  /** The token of each sequence that the head reads. */
  int[] pooledRows(ClassifierConfig config) {
    return segments.stream().mapToInt(segment -> pooledRow(segment, config)).toArray();
  }

  /** The first token; or the last that is no padding, as where texts are padded on the right. */
  private int pooledRow(Segment segment, ClassifierConfig config) {
    int first = segment.queryFirst();
    if (config.readsFirstToken()) {
      return first;
    }
    int row = first + segment.queryLength() - 1;
    while (row > first && ids[row] == config.padding()) {
      row--;
    }
    return row;
  }

  /**
   * Refuses sequences that do not suit a classifier.
   *
   * @throws IllegalArgumentException naming the first one and what is wrong
   */
  void requireFit(ClassifierConfig config) {
    int types = config.backbone() instanceof EncoderConfig encoder ? encoder.tokenTypes() : 0;
    for (int i = 0; i < segments.size(); i++) {
      var segment = segments.get(i);
      if (config.readsFirstToken() && segment.queryLength() > config.contextLength()) {
        throw new IllegalArgumentException(
            "sequence %d has %,d tokens, the model has positions for %,d: cut it to that"
                .formatted(i, segment.queryLength(), config.contextLength()));
      }
      int first = segment.queryFirst();
      for (int row = first; row < first + segment.queryLength(); row++) {
        require(i, "token", ids[row], config.vocabulary());
        if (types > 0) {
          require(i, "token type", typeIds[row], types);
        }
      }
      requireFit(i, targets.get(i), config.labels());
    }
  }

  private static void requireFit(int sequence, Target target, Labels labels) {
    switch (target) {
      case Target.Label(int index) -> {
        if (labels.problem() != Problem.SINGLE_LABEL) {
          throw wrongTarget(sequence, "one label", labels);
        }
        require(sequence, "label", index, labels.size());
      }
      case Target.Values(float[] values) -> {
        if (labels.problem() == Problem.SINGLE_LABEL || values.length != labels.size()) {
          throw wrongTarget(sequence, values.length + " values", labels);
        }
        for (float value : values) {
          requireFit(sequence, value, labels.problem());
        }
      }
      case Target.Unknown() -> {} // of any problem
    }
  }

  private static void requireFit(int sequence, float value, Problem problem) {
    boolean fits =
        problem == Problem.MULTI_LABEL ? value >= 0 && value <= 1 : Float.isFinite(value);
    if (!fits) {
      throw new IllegalArgumentException(
          "the target of sequence %d has the value %s; %s"
              .formatted(
                  sequence,
                  value,
                  problem == Problem.MULTI_LABEL
                      ? "a label is there (1), not there (0), or so probable"
                      : "a number is wanted"));
    }
  }

  private static IllegalArgumentException wrongTarget(int sequence, String has, Labels labels) {
    String wanted =
        labels.problem() == Problem.SINGLE_LABEL
            ? "one label of " + labels.names()
            : "a value for each of " + labels.names();
    return new IllegalArgumentException(
        "the target of sequence %d is %s; %s needs %s"
            .formatted(sequence, has, labels.problem().configName(), wanted));
  }

  private static void require(int sequence, String what, int number, int count) {
    if (number < 0 || number >= count) {
      throw new IllegalArgumentException(
          "sequence %d has the %s %,d; the model knows 0 to %,d"
              .formatted(sequence, what, number, count - 1));
    }
  }
}
