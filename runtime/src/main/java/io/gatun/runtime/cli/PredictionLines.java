package io.gatun.runtime.cli;

import io.gatun.runtime.predict.Input;
import io.gatun.runtime.predict.Prediction;
import io.gatun.runtime.predict.Predictor;
import io.gatun.runtime.train.TextRow;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/** Answers rows of texts with a line of JSON each, in their order, some rows at a time. */
final class PredictionLines {
  /** Enough to sort them into full batches. */
  private static final int ROWS = 512;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Predictor predictor;
  private final PrintWriter out;
  private final List<TextRow> waiting = new ArrayList<>();
  private int answered;
  private int cut;

  /**
   * @param predictor answers
   * @param out gets nothing but the lines
   */
  PredictionLines(Predictor predictor, PrintWriter out) {
    this.predictor = predictor;
    this.out = out;
  }

  /** Takes a row; answers when enough of them wait. */
  void add(TextRow row) {
    waiting.add(row);
    if (waiting.size() == ROWS) {
      answer();
    }
  }

  /** Answers every row that waits. */
  void answer() {
    var rows = List.copyOf(waiting);
    waiting.clear();
    var predictions =
        predictor.predict(rows.stream().map(row -> new Input(row.first(), row.second())).toList());
    for (int i = 0; i < rows.size(); i++) {
      out.println(JSON.writeValueAsString(line(rows.get(i), predictions.get(i))));
      answered++;
      cut += predictions.get(i).cut() > 0 ? 1 : 0;
    }
    if (out.checkError()) { // which also flushes
      throw new UncheckedIOException(
          new IOException("the answers cannot be written: their reader is gone, or the disk full"));
    }
  }

  private static ObjectNode line(TextRow row, Prediction prediction) {
    var line = JSON.createObjectNode();
    if (row.line() > 0) {
      line.put("line", row.line());
    }
    row.id().ifPresent(id -> line.set("id", id));
    row.texts().forEach(line::put);
    row.label().ifPresent(label -> line.set("expected", label));
    switch (prediction.labels().problem()) {
      case SINGLE_LABEL -> scores(line.put("label", prediction.label()), "scores", prediction);
      case MULTI_LABEL -> {
        var labels = line.putArray("labels");
        prediction.applying().forEach(labels::add);
        scores(line, "scores", prediction);
      }
      case REGRESSION -> {
        if (prediction.scores().length == 1) {
          line.put("value", prediction.scores()[0]);
        } else {
          scores(line, "values", prediction);
        }
      }
    }
    if (prediction.cut() > 0) {
      line.put("tokens_cut", prediction.cut());
    }
    return line;
  }

  private static void scores(ObjectNode line, String key, Prediction prediction) {
    var scores = line.putObject(key);
    prediction.byLabel().forEach(scores::put);
  }

  /** What somebody should know of the texts; empty if nothing. */
  Optional<String> remark() {
    return cut == 0
        ? Optional.empty()
        : Optional.of(
            "%,d of %,d texts are longer than %,d tokens and were cut"
                .formatted(cut, answered, predictor.maxLength()));
  }
}
