/**
 * Devices, buffers and matrices: what every operation takes.
 *
 * <p>A {@link io.gatun.kernels.Device} gives {@link io.gatun.kernels.Buffer}s, each with a name and
 * an owner (an arena); a {@link io.gatun.kernels.Matrix} is a typed view of a buffer and has no
 * verbs. The verbs are the static functions of {@code io.gatun.kernels.ops}. A {@link
 * io.gatun.kernels.Weight} is a matrix or a 4-bit matrix.
 *
 * <p>Nothing here reads files, knows a model or computes. Everybody may call; code that must not
 * name memory segments moves values with {@link io.gatun.kernels.HostCopy}.
 */
package io.gatun.kernels;
