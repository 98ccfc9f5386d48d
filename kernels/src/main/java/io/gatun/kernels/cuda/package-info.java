/**
 * The CUDA device: finds the driver, NVRTC and a GPU, compiles the kernels of {@code native/cuda}
 * for exactly that GPU, owns its memory, and launches.
 *
 * <p>Kernels run on one stream, copies on another; events order them, so that the caller sees one
 * sequence. A kernel's signature in its source is the contract: every argument of a launch is
 * checked against it by name and type. An op calls {@link io.gatun.kernels.cuda.CudaDevice#launch}
 * with one constant of {@link io.gatun.kernels.cuda.CudaKernel}. No op, shape rule or formula lives
 * here. Nothing touches a generated binding before {@link io.gatun.kernels.cuda.CudaDriver} has
 * found the libraries. Not exported: only {@code io.gatun.kernels} and {@code io.gatun.kernels.ops}
 * may call.
 */
package io.gatun.kernels.cuda;
