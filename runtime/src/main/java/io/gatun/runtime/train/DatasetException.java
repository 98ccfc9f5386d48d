package io.gatun.runtime.train;

/** A file of training rows cannot be used; the message names the file, the line and the remedy. */
public final class DatasetException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DatasetException(String message) {
    super(message);
  }

  DatasetException(String message, Throwable cause) {
    super(message, cause);
  }
}
