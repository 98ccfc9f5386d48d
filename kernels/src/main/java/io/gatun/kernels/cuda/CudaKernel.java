package io.gatun.kernels.cuda;

import java.util.Locale;

/**
 * The kernels of {@code native/cuda}: each constant is a kernel of that name, in the file of its
 * stem.
 */
public enum CudaKernel {
  /** One step of AdamW over flat parameters. */
  ADAM_W("adam_w"),
  /** Loss and gradient of independent yes-or-no questions. */
  BINARY_CROSS_ENTROPY("binary_cross_entropy"),
  /** How many targets are not from 0 to 1. */
  BINARY_CROSS_ENTROPY_TARGETS("binary_cross_entropy"),
  /** Loss and gradient of rows of logits. */
  CROSS_ENTROPY("cross_entropy"),
  /** Loss and gradient of rows against targets. */
  SQUARED_ERROR("squared_error"),
  /** Sum of squares. */
  SQUARED_NORM("squared_norm"),
  /** to = from, other element type. */
  CAST("cast"),
  /** ySum += x. */
  ADD("add"),
  /** Where the largest of a row is. */
  ARG_MAX("arg_max"),
  /** A token drawn from the logits of a row. */
  SAMPLE("sample"),
  /** y = x * rstd * (gamma + offset), rstd = 1 / sqrt(mean(x^2) + eps). */
  RMS_NORM_FORWARD("rms_norm"),
  /** Its gradient by x. */
  RMS_NORM_BACKWARD("rms_norm"),
  /** y = (x - mean) * rstd * gamma + beta. */
  LAYER_NORM_FORWARD("layer_norm"),
  /** Its gradient by x. */
  LAYER_NORM_BACKWARD("layer_norm"),
  /** Turns pairs of columns of each head. */
  ROPE("rope"),
  /** y = f(x). */
  ACTIVATE_FORWARD("activate"),
  /** dx = dy * f'(x). */
  ACTIVATE_BACKWARD("activate"),
  /** h = f(gate) * up. */
  GLU_FORWARD("glu"),
  /** The gradients of gate and up. */
  GLU_BACKWARD("glu"),
  /** x = cap * tanh(x / cap). */
  SOFT_CAP("soft_cap"),
  /** y = or += kept ? x / (1 - p) : 0. */
  DROPOUT("dropout"),
  /** y[i] = table[ids[i]] * scale. */
  EMBEDDING_FORWARD("embedding"),
  /** dTable[ids[i]] += dy[i] * scale. */
  EMBEDDING_BACKWARD("embedding"),
  /** cache[rows[i]] = k[i] | v[i]. */
  KV_APPEND("kv_append"),
  /** The values of a band. */
  NF4_DEQUANTIZE("nf4_dequantize"),
  /** Codes and plain scales. */
  NF4_QUANTIZE("nf4_quantize"),
  /** The mean of scales. */
  NF4_MEAN_SCALE("nf4_quantize"),
  /** Codes and scales of scales. */
  NF4_NEST_SCALES("nf4_quantize"),
  /** Codes in another order. */
  NF4_REPACK("nf4_repack"),
  /** A product with one row. */
  NF4_MAT_VEC_1("nf4_mat_vec"),
  /** A product with at most 8 rows. */
  NF4_MAT_VEC_8("nf4_mat_vec"),
  /** A product with at most 16 rows. */
  NF4_MAT_VEC_16("nf4_mat_vec"),
  /** A product with at most 32 rows. */
  NF4_MAT_VEC_32("nf4_mat_vec"),
  /** A product with one row and adapters. */
  NF4_MAT_VEC_LORA_1("nf4_mat_vec_lora"),
  /** A product with at most 8 rows and adapters. */
  NF4_MAT_VEC_LORA_8("nf4_mat_vec_lora"),
  /** A product with at most 16 rows and adapters. */
  NF4_MAT_VEC_LORA_16("nf4_mat_vec_lora"),
  /** A product with at most 32 rows and adapters. */
  NF4_MAT_VEC_LORA_32("nf4_mat_vec_lora"),
  /** Few rows times A of their adapters. */
  LORA_SHRINK("lora_shrink"),
  /** What dy gives to u and to the gradients of B, in parts. */
  LORA_BACKWARD("lora_backward"),
  /** The sums of those parts. */
  LORA_BACKWARD_SUMS("lora_backward"),
  /** A matrix inside another, zero around it. */
  PLACE("place"),
  /** Sums of columns. */
  LINEAR_GRADIENT_BIAS("linear_gradient"),
  /** Attention of BF16 heads up to 64 columns. */
  ATTENTION_64("attention"),
  /** Attention of BF16 heads up to 128 columns. */
  ATTENTION_128("attention"),
  /** Attention of BF16 heads up to 256 columns. */
  ATTENTION_256("attention"),
  /** Attention with dropout, of BF16 heads up to 64 columns. */
  ATTENTION_DROP_64("attention"),
  /** Attention with dropout, of BF16 heads up to 128 columns. */
  ATTENTION_DROP_128("attention"),
  /** Attention with dropout, of BF16 heads up to 256 columns. */
  ATTENTION_DROP_256("attention"),
  /** Attention, with dropout too, of F32 heads up to 256 columns. */
  ATTENTION_F32("attention"),
  /** Attention on Hopper, of BF16 heads up to 64 columns. */
  ATTENTION_HOPPER_64("attention_hopper"),
  /** Attention on Hopper, of BF16 heads up to 128 columns. */
  ATTENTION_HOPPER_128("attention_hopper"),
  /** The gradient of q, of BF16 heads up to 64 columns. */
  ATTENTION_DQ_64("attention_dq"),
  /** The gradient of q, of BF16 heads up to 128 columns. */
  ATTENTION_DQ_128("attention_dq"),
  /** The gradient of q, of BF16 heads up to 256 columns. */
  ATTENTION_DQ_256("attention_dq"),
  /** The gradient of q, of F32 heads up to 256 columns. */
  ATTENTION_DQ_F32("attention_dq"),
  /** The gradients of k and v, of BF16 heads up to 64 columns. */
  ATTENTION_DKV_64("attention_dkv"),
  /** The gradients of k and v, of BF16 heads up to 128 columns. */
  ATTENTION_DKV_128("attention_dkv"),
  /** The gradients of k and v, of BF16 heads up to 256 columns. */
  ATTENTION_DKV_256("attention_dkv"),
  /** The gradients of k and v, of F32 heads up to 256 columns. */
  ATTENTION_DKV_F32("attention_dkv"),
  /** The gradient of q on Hopper, of BF16 heads up to 64 columns. */
  ATTENTION_HOPPER_DQ_64("attention_hopper_dq"),
  /** The gradient of q on Hopper, of BF16 heads up to 128 columns. */
  ATTENTION_HOPPER_DQ_128("attention_hopper_dq"),
  /** The gradients of k and v on Hopper, of BF16 heads up to 64 columns. */
  ATTENTION_HOPPER_DKV_64("attention_hopper_dkv"),
  /** The gradients of k and v on Hopper, of BF16 heads up to 128 columns. */
  ATTENTION_HOPPER_DKV_128("attention_hopper_dkv"),
  /** Attention of few rows, of BF16 heads up to 64 columns. */
  ATTENTION_DECODE_64("attention_decode"),
  /** Attention of few rows, of BF16 heads up to 128 columns. */
  ATTENTION_DECODE_128("attention_decode"),
  /** Attention of few rows, of BF16 heads up to 256 columns. */
  ATTENTION_DECODE_256("attention_decode"),
  /** Attention of few rows, of F32 heads up to 256 columns. */
  ATTENTION_DECODE_F32("attention_decode");

  private final String stem;
  private final String function = name().toLowerCase(Locale.ROOT);

  CudaKernel(String stem) {
    this.stem = stem;
  }

  /** Name of the source file, without its ending. */
  String stem() {
    return stem;
  }

  /** Name of the kernel in its file. */
  String function() {
    return function;
  }
}
