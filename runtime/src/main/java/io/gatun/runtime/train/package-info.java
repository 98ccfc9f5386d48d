/**
 * Training: rows of a JSONL file become tokens with labels, tokens become packed micro-batches,
 * micro-batches become gradients, gradients become optimizer steps.
 *
 * <p>The spine is {@link io.gatun.runtime.train.Training#run}, one screen: take rows, forward and
 * backward, clip, step, report, save. What surrounds it has a file each: {@code Dataset} and {@code
 * ClassificationData} (rows and their labels), {@code Task} (what is trained and measured), {@code
 * Evaluations} (the best so far, and when to stop), {@code Schedule}, {@code Optimizer}, {@code
 * RunFolder} (what a run leaves on disk), {@code Progress} (what a run shows).
 *
 * <p>Must not live here: mathematics of the model (package model), files of the adapter (package
 * adapter), command-line flags (package cli). Called by cli and by embedders.
 */
package io.gatun.runtime.train;
