/** Models, adapters, training, generation and the command line. */
module io.gatun.runtime {
  requires transitive io.gatun.quant;
  requires tools.jackson.databind;
  requires tools.jackson.dataformat.yaml;
  requires java.net.http;
  requires info.picocli;
  requires me.tongfei.progressbar;
  requires ai.djl.tokenizers;
  requires ai.djl.api;
  requires org.slf4j; // DJL needs it and, an automatic module, cannot say so

  exports io.gatun.runtime.adapter;
  exports io.gatun.runtime.generate;
  exports io.gatun.runtime.hub;
  exports io.gatun.runtime.model;
  exports io.gatun.runtime.plan;
  exports io.gatun.runtime.predict;
  exports io.gatun.runtime.text;
  exports io.gatun.runtime.train;

  opens io.gatun.runtime.cli to
      info.picocli;
}
