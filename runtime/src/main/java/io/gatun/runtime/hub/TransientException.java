package io.gatun.runtime.hub;

import java.net.ConnectException;
import java.time.Duration;
import java.util.Optional;

/** A problem that may be gone a little later. */
final class TransientException extends Exception {
  private static final long serialVersionUID = 1;

  private final transient Optional<Duration> after;

  /** A problem of the network. */
  TransientException(String problem, Throwable cause) {
    super(problem, cause);
    after = Optional.empty();
  }

  /** An answer that asks for patience, perhaps for how much. */
  TransientException(String problem, Optional<Duration> after) {
    super(problem);
    this.after = after;
  }

  /** How long the hub asks to wait. */
  Optional<Duration> after() {
    return after;
  }

  /** Whether there is no network, or nobody at the address: waiting a little does not help. */
  boolean isUnreachable() {
    return getCause() instanceof ConnectException;
  }

  String problem() {
    return String.valueOf(getMessage());
  }
}
