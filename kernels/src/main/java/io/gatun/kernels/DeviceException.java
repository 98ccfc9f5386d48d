package io.gatun.kernels;

/**
 * A device could not do what it was asked: no library, no memory, a refused argument, live buffers
 * at close.
 */
public final class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * An exception with a message.
   *
   * @param message what is wrong, where, and what to do
   */
  public DeviceException(String message) {
    super(message);
  }

  /**
   * An exception with a message and what caused it.
   *
   * @param message what is wrong, where, and what to do
   * @param cause the cause
   */
  public DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}
