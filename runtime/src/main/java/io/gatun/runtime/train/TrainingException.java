package io.gatun.runtime.train;

/** A run cannot start or cannot go on; the message says where it stopped and what to try. */
public final class TrainingException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  TrainingException(String message) {
    super(message);
  }

  TrainingException(String message, Throwable cause) {
    super(message, cause);
  }
}
