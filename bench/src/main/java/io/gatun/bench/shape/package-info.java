/**
 * {@code gatun bench train}: real training steps of a model that is known by its shape only.
 *
 * <p>Here live the shapes, the arithmetic of a step, the measurement of its time and memory, and
 * the file of the result. The step itself is that of the product: {@code Decoder}, {@code
 * TrainPass}, {@code MemoryPlan}. Nothing here knows a kernel.
 */
package io.gatun.bench.shape;
