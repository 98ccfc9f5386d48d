package io.gatun.runtime.hub;

/** Something of the hub cannot be had: what, why, and what to do, in a sentence. */
public final class HubException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * A problem.
   *
   * @param sentence for people
   */
  public HubException(String sentence) {
    super(sentence);
  }

  /**
   * A problem with a cause.
   *
   * @param sentence for people
   * @param cause what brought it about
   */
  public HubException(String sentence, Throwable cause) {
    super(sentence, cause);
  }
}
