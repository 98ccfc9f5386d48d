package io.gatun.kernels.cpu;

import java.util.Locale;

/**
 * The C functions of {@code gatun_kernels.h}: constant RMS_NORM is {@code gatun_rms_norm}. The
 * letters are its parameters after the context: {@code m} const gatun_matrix*, {@code s} a pointer
 * to another struct, {@code i} int32_t, {@code l} int64_t, {@code f} float, {@code d} double,
 * {@code r} double* for a result. A test compares them with the header.
 */
public enum CpuKernel {
  /** x, ySum. */
  ADD("mm"),
  /** x, count, found. */
  ARG_MAX("mim"),
  /** x, count, choices, seen, words, penalty, temperature, topK, topP, least, found. */
  SAMPLE("mimmiffiilm"),
  /** table, ids, scale, y. */
  EMBEDDING_FORWARD("mmfm"),
  /** dy, ids, scale, dTableSum. */
  EMBEDDING_BACKWARD("mmfm"),
  /** k, v, rows, cache. */
  KV_APPEND("mmmm"),
  /** x, gamma, gammaOffset, eps, y, rstd. */
  RMS_NORM_FORWARD("mmffmm"),
  /** dy, x, gamma, gammaOffset, rstd, dx, 1 to add to dx. */
  RMS_NORM_BACKWARD("mmmfmmi"),
  /** x, gamma, beta, eps, y, mean, rstd. */
  LAYER_NORM_FORWARD("mmmfmmm"),
  /** dy, x, gamma, mean, rstd, dx, 1 to add to dx. */
  LAYER_NORM_BACKWARD("mmmmmmi"),
  /** x in place, cos, sin, headDim, 1 for the inverse rotation. */
  ROPE("mmmii"),
  /** activation, gateUp, h. */
  GLU_FORWARD("imm"),
  /** activation, gateUp, dh, dGateUp. */
  GLU_BACKWARD("immm"),
  /** activation, x, y. */
  ACTIVATE_FORWARD("imm"),
  /** activation, x, dy, dx. */
  ACTIVATE_BACKWARD("immm"),
  /** x in place, cap. */
  SOFT_CAP("mf"),
  /** logits in place, labels, weights, softCap, rowLoss. */
  CROSS_ENTROPY("mmmfm"),
  /** logits in place, targets, weights, rowLoss. */
  BINARY_CROSS_ENTROPY("mmmm"),
  /** z in place, targets, weights, rowLoss. */
  SQUARED_ERROR("mmmm"),
  /** x, seed, step, purpose and tensor, tokenIndex, p, y, 1 to add to y. */
  DROPOUT("mliimdmi"),
  /** from, to. */
  CAST("mm"),
  /** params, grads, m, v, lr, beta1, beta2, eps, weightDecay, t, gradScale. */
  ADAM_W("mmmmdddddif"),
  /** x, result. */
  SQUARED_NORM("mr"),
  /** shape, dropout, segments, q, k, v, o, lse. */
  ATTENTION_FORWARD("ssmmmmmm"),
  /** shape, dropout, segments, q, k, v, o, lse, dO, dq, dk, dv. */
  ATTENTION_BACKWARD("ssmmmmmmmmmm"),
  /** x, weight, bias or absent, y, 1 to add to y. */
  MAT_MUL_FORWARD("msmmi"),
  /** dy, weight, dx, 1 to add to dx. */
  MAT_MUL_BACKWARD("msmi"),
  /** x, xa, weight, bias or absent, adapters, t, y. */
  LORA_MAT_MUL_FORWARD("mmsmsmm"),
  /** dy, xa, t, weight, adapters, u, dx, dxa or absent. */
  LORA_MAT_MUL_BACKWARD("mmmssmmm"),
  /** dy, x, dwSum, dbSum. */
  LINEAR_GRADIENT("mmmm"),
  /** x, band, absmax, 1 for binned nested codes, offset as the result. */
  NF4_QUANTIZE("msmir"),
  /** weight, y. */
  NF4_DEQUANTIZE("sm"),
  /** from band, to band. */
  NF4_REPACK("ss");

  private final String parameters;

  CpuKernel(String parameters) {
    this.parameters = parameters;
  }

  String parameters() {
    return parameters;
  }

  /** The name used in messages, which is also the stem of the C function. */
  String stem() {
    return name().toLowerCase(Locale.ROOT);
  }

  String symbol() {
    return "gatun_" + stem();
  }
}
