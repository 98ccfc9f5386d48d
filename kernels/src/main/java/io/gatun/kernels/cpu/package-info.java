/**
 * The CPU device: finds, unpacks and loads the native library of the chosen variant, owns memory,
 * threads and scratch, and calls the C functions of {@code native/include/gatun_kernels.h}.
 *
 * <p>Each C function is one line of {@link io.gatun.kernels.cpu.CpuKernel}; an op calls it by
 * {@link io.gatun.kernels.cpu.CpuDevice#call}. No op, shape rule or formula lives here. Not
 * exported: only {@code io.gatun.kernels} and {@code io.gatun.kernels.ops} may call.
 */
package io.gatun.kernels.cpu;
