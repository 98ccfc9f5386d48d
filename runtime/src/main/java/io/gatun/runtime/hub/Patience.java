package io.gatun.runtime.hub;

import java.time.Duration;

/** How often something is tried again, and after how long: 1, 2, 4 … seconds, or as asked. */
final class Patience {
  private static final int ATTEMPTS = 5;
  private static final Duration LONGEST = Duration.ofMinutes(2);

  private final Wait wait;
  private int failures;

  /** Waits, or notes that it would. */
  @FunctionalInterface
  interface Wait {
    void of(Duration duration) throws InterruptedException;
  }

  Patience(Wait wait) {
    this.wait = wait;
  }

  /** Something came: what failed before does not count. */
  void restore() {
    failures = 0;
  }

  /**
   * Waits before the next attempt.
   *
   * @param what failed, as the beginning of a sentence
   * @throws HubException if it was the last, or the hub asks for more time than anybody waits
   */
  void failed(String what, TransientException problem) {
    failures++;
    var pause = problem.after().orElse(Duration.ofSeconds(1L << failures - 1));
    if (pause.compareTo(LONGEST) > 0) {
      throw new HubException(
          "%s: %s, and the hub asks to come back in %d seconds"
              .formatted(what, problem.problem(), pause.toSeconds()),
          problem);
    }
    if (failures == ATTEMPTS) {
      throw new HubException(
          "%s: %s, %d times in a row; try again later".formatted(what, problem.problem(), ATTEMPTS),
          problem);
    }
    try {
      wait.of(pause);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new HubException(what + ": interrupted while waiting", e);
    }
  }
}
