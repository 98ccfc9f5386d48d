/**
 * JMH benchmarks: one class per operation of {@code io.gatun.kernels.ops}, named after it, plus the
 * training step and decoding; beside them the commands of {@code gatun bench}.
 *
 * <p>Here live measurements and nothing that a library user calls. A benchmark that supports a
 * number in the README or in a comment leaves its JSON under {@code bench/results}. Nothing depends
 * on this package.
 */
package io.gatun.bench;
