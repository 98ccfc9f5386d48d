/** Weight formats and the checkpoint files they come from. */
module io.gatun.quant {
  requires transitive io.gatun.kernels;
  requires transitive tools.jackson.databind;

  exports io.gatun.quant;
  exports io.gatun.quant.checkpoint;
}
