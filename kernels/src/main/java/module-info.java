/** Devices, matrices and the operations on them. */
module io.gatun.kernels {
  requires io.gatun.bindings;

  exports io.gatun.kernels;
}
