package io.gatun.runtime.model;

/**
 * A model or adapter uses something that Gatun knows of and does not have. The message names it and
 * says what is supported instead.
 */
public final class UnsupportedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * A refusal.
   *
   * @param message one sentence
   */
  public UnsupportedException(String message) {
    super(message);
  }
}
