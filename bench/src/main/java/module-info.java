/** JMH benchmarks of the kernels, of a training step and of decoding. */
module io.gatun.bench {
  requires io.gatun.runtime;
  requires jmh.core;
}
