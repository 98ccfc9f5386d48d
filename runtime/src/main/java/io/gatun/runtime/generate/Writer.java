package io.gatun.runtime.generate;

import io.gatun.runtime.generate.Answer.Finish;
import io.gatun.runtime.text.StreamDecoder;
import io.gatun.runtime.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** One answer in the making: gathers text, notices the end. */
final class Writer {
  private final List<String> stops;
  private final StreamDecoder decoder;
  private final Set<Integer> ends;
  private final int maxTokens;
  private final Consumer<String> listener;
  private final StringBuilder text = new StringBuilder();
  private final List<Integer> ids = new ArrayList<>();
  private int told;
  private Optional<Finish> finish = Optional.empty();

  /**
   * @param stops texts that end the answer
   * @param maxTokens most tokens to generate
   * @param listener hears text that no later token can take back
   */
  Writer(Tokenizer tokenizer, List<String> stops, int maxTokens, Consumer<String> listener) {
    this.stops = stops;
    this.decoder = tokenizer.streamDecoder();
    this.ends = tokenizer.endOfTurn();
    this.maxTokens = maxTokens;
    this.listener = listener;
  }

  /** Tokens so far. */
  int length() {
    return ids.size();
  }

  /**
   * Takes the next token.
   *
   * @param id the token
   */
  void take(int id) {
    ids.add(id);
    if (ends.contains(id)) {
      text.append(decoder.end());
      end(text.length(), Finish.END);
      return;
    }
    text.append(decoder.next(id));
    boolean last = ids.size() == maxTokens;
    if (last) {
      text.append(decoder.end());
    }
    int stop = firstStop();
    if (stop >= 0) {
      end(stop, Finish.STOP);
    } else if (last) {
      end(text.length(), Finish.LENGTH);
    } else {
      tell(text.length() - heldBack());
    }
  }

  boolean isDone() {
    return finish.isPresent();
  }

  Answer answer() {
    return new Answer(text.toString(), ids, finish.orElseThrow());
  }

  private void end(int length, Finish why) {
    text.setLength(length);
    tell(length);
    finish = Optional.of(why);
  }

  private void tell(int end) {
    if (end > told) {
      listener.accept(text.substring(told, end));
      told = end;
    }
  }

  private int firstStop() {
    int first = -1;
    for (String stop : stops) {
      int at = text.indexOf(stop, Math.max(0, told - stop.length()));
      first = at >= 0 && (first < 0 || at < first) ? at : first;
    }
    return first;
  }

  /** Length of the longest end of the text that may be the beginning of a stop text. */
  private int heldBack() {
    int held = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, text.length()); n > held; n--) {
        if (stop.startsWith(text.substring(text.length() - n))) {
          held = n;
        }
      }
    }
    return held;
  }
}
