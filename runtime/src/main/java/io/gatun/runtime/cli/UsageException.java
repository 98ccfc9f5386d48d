package io.gatun.runtime.cli;

/** A flag has a value that cannot be used; ends the program with exit code 2. */
final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param message the flag, its value and what it must be
   */
  UsageException(String message) {
    super(message);
  }
}
