package io.gatun.quant.checkpoint;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import tools.jackson.core.JacksonException;

/** What an exception of a library says, in words that fit into a sentence of ours. */
final class Sentences {
  private Sentences() {}

  static String of(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "there is no such file or folder";
      case AccessDeniedException _ -> "permission denied";
      case ClosedByInterruptException _ -> "the thread was interrupted";
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }

  static String of(JacksonException e) {
    var at = e.getLocation();
    var place = at == null || at.getLineNr() < 1 ? "" : " (line " + at.getLineNr() + ")";
    return e.getOriginalMessage().lines().findFirst().orElse("not JSON") + place;
  }
}
