package io.gatun.runtime.cli;

import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;

/** Exceptions as sentences. */
final class Messages {
  private Messages() {}

  /** What went wrong and where, in words. */
  static String of(Throwable e) {
    return switch (e) {
      case UncheckedIOException io when io.getCause() != null -> of(io.getCause());
      case NoSuchFileException no -> "there is no " + no.getFile() + "; check the path";
      case AccessDeniedException no ->
          "no permission to use " + no.getFile() + "; check its owner and mode";
      case FileAlreadyExistsException exists ->
          exists.getFile() + " already exists; choose another path or remove it";
      case OutOfMemoryError _ ->
          "the Java heap is too small; set GATUN_JAVA_OPTS=-Xmx2g and try again";
      default -> e.getMessage() == null ? e.toString() : e.getMessage();
    };
  }

  /** Whether this is a bug of Gatun rather than something the user can mend. */
  static boolean isDefect(Throwable e) {
    return e instanceof NullPointerException
        || e instanceof IndexOutOfBoundsException
        || e instanceof ClassCastException
        || e instanceof AssertionError
        || e.getMessage() == null;
  }
}
