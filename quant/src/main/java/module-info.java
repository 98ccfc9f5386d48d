/** Weight formats and the checkpoint files they come from. */
module io.gatun.quant {
  requires transitive io.gatun.kernels;
  requires tools.jackson.databind;
}
