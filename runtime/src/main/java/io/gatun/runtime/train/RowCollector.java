package io.gatun.runtime.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Gathers the rows of a file, cut to a length. */
final class RowCollector {
  private static final int CHUNK = 512;

  private final RowEncoder encoder;
  private final int maxLength;
  private final List<Row> waiting = new ArrayList<>();
  private final List<Example> rows = new ArrayList<>();
  private String shape = "";
  private int cut;
  private int dropped;

  RowCollector(RowEncoder encoder, int maxLength) {
    this.encoder = encoder;
    this.maxLength = maxLength;
  }

  /** Takes a row. */
  void add(Row row) {
    shape =
        switch (row) {
          case Row.Text _ -> "text";
          case Row.Completion _ -> "prompt/completion";
          case Row.Chat _ -> "conversations";
          case Row.ChatCompletion _ -> "conversations with a completion";
        };
    waiting.add(row);
    if (waiting.size() == CHUNK) {
      encode();
    }
  }

  private void encode() {
    encoder.encodeAll(waiting).forEach(this::cut);
    waiting.clear();
  }

  /** Where the cut leaves nothing to learn, the row is dropped. */
  private void cut(Example example) {
    if (example.tokens() <= maxLength) {
      rows.add(example);
      return;
    }
    cut++;
    var shorter =
        new Example(
            Arrays.copyOf(example.ids(), maxLength),
            Arrays.copyOf(example.learned(), maxLength),
            example.line());
    if (shorter.supervised() > 0) {
      rows.add(shorter);
    } else {
      dropped++;
    }
  }

  /** The dataset of what was taken. */
  Dataset dataset(String file) {
    encode();
    if (rows.isEmpty()) {
      throw new DatasetException(
          "%s: all %d rows are longer than %d tokens and what is learned lies beyond; raise the maximum"
                  .formatted(file, dropped, maxLength)
              + " length.");
    }
    var counts = DatasetStatistics.of(file, shape, rows);
    return new Dataset(rows, counts.afterCut(maxLength, cut, dropped, encoder.merged()));
  }
}
