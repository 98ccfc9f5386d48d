/**
 * What a run takes, told before it begins: from the shape of a model alone, without its weights.
 *
 * <p>The sizes come from those who allocate: weights from {@code quant}, the adapter from {@code
 * adapter}, activations and scratch from the passes of {@code model}. Nothing is allocated here,
 * and no size is written down twice. Called by the command line, by measurements and by embedders.
 */
package io.gatun.runtime.plan;
