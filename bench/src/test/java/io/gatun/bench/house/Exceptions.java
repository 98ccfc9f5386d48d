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

  private static final String PRODUCTS = "shared by the products of MatMul and LoraMatMul";

  /** By {@code stem: part}. */
  static final Map<String, String> KERNEL_PARTS =
      Map.ofEntries(
          Map.entry("abi_version: op", "tells which header a library was built from"),
          Map.entry("cpu_features: op", "asked before any device exists"),
          Map.entry("pool: op", "the threads that kernels run on"),
          Map.entry("memory: op", "pages for buffers"),
          Map.entry("gemm: op", PRODUCTS),
          Map.entry("gemm: header", PRODUCTS),
          Map.entry("gemm_pack: op", PRODUCTS),
          Map.entry("gemm_pack: header", PRODUCTS),
          Map.entry("gemm_pack_dense: op", PRODUCTS),
          Map.entry("gemm_pack_dense: header", PRODUCTS),
          Map.entry("gemm_pack_tiled: op", PRODUCTS),
          Map.entry("gemm_pack_tiled: header", PRODUCTS),
          Map.entry("lora_gradients: op", "the gradients of LoraMatMul, formed in its backward"),
          Map.entry("lora_gradients: header", "called by gatun_lora_mat_mul_backward"),
          Map.entry(
              "attention_decode: header", "what gatun_attention_forward does with few queries"));

  private Exceptions() {}
}
