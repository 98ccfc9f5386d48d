package io.gatun.runtime.train;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NotDirectoryException;

/** Why a file cannot be used, in words that fit into a sentence. */
final class Reason {
  private Reason() {}

  static String of(IOException e) {
    return switch (e) {
      case AccessDeniedException _ -> "permission denied";
      case FileAlreadyExistsException file -> file.getFile() + " is a file, not a folder";
      case NotDirectoryException file -> file.getFile() + " is a file, not a folder";
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }
}
