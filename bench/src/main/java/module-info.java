/** JMH benchmarks of the kernels, of a training step and of decoding. */
module io.gatun.bench {
  requires io.gatun.runtime;
  requires info.picocli;
  requires jmh.core;
  requires tools.jackson.databind;

  opens io.gatun.bench to
      info.picocli;
  opens io.gatun.bench.shape to
      info.picocli;
}
