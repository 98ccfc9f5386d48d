package io.gatun.bench.house;

import java.util.Map;

/** Every exception to a house rule, with its reason. One that is no longer needed fails too. */
final class Exceptions {
  /** By file. */
  static final Map<String, String> FILE_SIZE = Map.of();

  /** By {@code file#method}. */
  static final Map<String, String> METHOD_SIZE = Map.of();

  /** By {@code file:line}. */
  static final Map<String, String> TOLERANCE = Map.of();

  /** By class. */
  static final Map<String, String> MUTABLE_STATIC = Map.of();

  /** By {@code stem: part}. */
  static final Map<String, String> KERNEL_PARTS =
      Map.ofEntries(
          Map.entry("abi_version: op", "tells which header a library was built from"),
          Map.entry("cpu_features: op", "asked before any device exists"),
          Map.entry("memory: op", "pages for buffers"),
          Map.entry("pool: op", "the threads that kernels run on"));

  private Exceptions() {}
}
