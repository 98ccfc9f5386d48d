package io.gatun.runtime.cli;

import java.util.Locale;

/** Bytes in words. */
final class Sizes {
  private Sizes() {}

  /** In MB or GB (powers of ten). */
  static String text(long bytes) {
    return bytes < 1_000_000_000L
        ? String.format(Locale.ROOT, "%.0f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
