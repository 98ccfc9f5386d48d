/**
 * Models: the decoder ({@link io.gatun.runtime.model.Decoder}), the encoder ({@link
 * io.gatun.runtime.model.Encoder}), and the classifier with either of them as its backbone ({@link
 * io.gatun.runtime.model.Classifier}). Of each its shape, its frozen weights, one block forward and
 * backward, and the passes that own the memory of activations and caches. Families of models differ
 * by values of the configuration; a class here needs mathematics of its own, never a family's name.
 *
 * <p>Weights are immutable and shared; a pass belongs to one thread. Adapters are arguments of a
 * pass. Backward is written by hand under forward; there is no tape. Nothing here reads files other
 * than through a checkpoint, draws random numbers, or touches memory segments. Called by training,
 * generation, merging and the command line.
 */
package io.gatun.runtime.model;
