/** JMH benchmarks of the kernels, of a training step and of decoding. */
module io.gatun.bench {
  requires io.gatun.runtime;
  requires info.picocli;
  requires java.management;
  requires java.xml;
  requires jdk.management;
  requires jmh.core;
  requires tools.jackson.databind;

  opens io.gatun.bench to
      info.picocli;
  opens io.gatun.bench.check to
      info.picocli;
  opens io.gatun.bench.shape to
      info.picocli;
}
