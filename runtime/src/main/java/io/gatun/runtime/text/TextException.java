package io.gatun.runtime.text;

/** A tokenizer or a chat template that cannot be read or used, in one sentence that says why. */
public final class TextException extends RuntimeException {
  /**
   * An error.
   *
   * @param message what is wrong, where, and what to do
   */
  public TextException(String message) {
    super(message);
  }

  /**
   * An error that another caused.
   *
   * @param message what is wrong, where, and what to do
   * @param cause the other
   */
  public TextException(String message, Throwable cause) {
    super(message, cause);
  }
}
