/**
 * The operations: one final class an op, static functions, the two directions of differentiation
 * side by side.
 *
 * <p>An op checks shapes, types and devices once, then switches over the device and calls the
 * kernel of the same name. An output that is added to is named {@code ...Sum}; every other output
 * is overwritten. Outputs must not overlap inputs unless the op says that they may. No op keeps
 * anything between calls or allocates memory that outlives the call.
 *
 * <p>Compute type is the type of the activations, F32 or BF16; sums are carried in 32 bits or more
 * and rounded once. Everybody may call; calls on one device from several threads run one after the
 * other.
 */
package io.gatun.kernels.ops;
