/**
 * From checkpoint tensors to weights on a device: {@link io.gatun.quant.WeightFormat} says in which
 * form, {@link io.gatun.quant.WeightLoader} does it, one tensor at a time, and {@link
 * io.gatun.quant.QuantError} measures what quantization changed.
 *
 * <p>Files are read in {@code io.gatun.quant.checkpoint}; the arithmetic of quantization is an
 * operation of the kernels. No model family is known here: callers name the tensors. Called by the
 * runtime.
 */
package io.gatun.quant;
