/**
 * Training: rows of a JSONL file become tokens with labels, tokens become packed micro-batches,
 * micro-batches become gradients, gradients become optimizer steps.
 *
 * <p>The spine is {@link io.gatun.runtime.train.Training#run}, one screen: take rows, forward and
 * backward, clip, step, report, save. What surrounds it has a file each: {@code Dataset} (rows and
 * their labels), {@code Packing} and {@code EpochOrder} (which rows go where), {@code Schedule}
 * (the learning rate), {@code Optimizer} (AdamW over the adapter's flat parameters), {@code
 * RunFolder} (what a run leaves on disk), {@code Progress} (what a run shows).
 *
 * <p>Must not live here: mathematics of the model (package model), files of the adapter (package
 * adapter), command-line flags (package cli). Called by cli and by embedders.
 */
package io.gatun.runtime.train;
