package io.gatun.runtime.train;

import io.gatun.runtime.model.BaseConfig;
import java.util.List;

/** Whether rows suit a model. */
final class RowFit {
  private RowFit() {}

  /**
   * Refuses rows that do not.
   *
   * @param name what messages call the rows
   * @param rows tokens
   * @param model that is to read them
   * @throws TrainingException naming the first that is too long or has a token the model lacks
   */
  static void require(String name, List<? extends TokenRow> rows, BaseConfig model) {
    for (TokenRow row : rows) {
      String place = name + ", row " + row.line();
      if (row.tokens() > model.contextLength()) {
        throw new TrainingException(
            "%s has %,d tokens, the context of the model is %,d; cut rows to that with the maximum length."
                .formatted(place, row.tokens(), model.contextLength()));
      }
      for (int id : row.ids()) {
        if (id < 0 || id >= model.vocabulary()) {
          throw new TrainingException(
              "%s has the token %,d, the model knows %,d; the tokenizer belongs to another model."
                  .formatted(place, id, model.vocabulary()));
        }
      }
    }
  }
}
