/** Devices, matrices and the operations on them. */
module io.gatun.kernels {
  requires io.gatun.bindings;
  requires jdk.management;

  exports io.gatun.kernels;
  exports io.gatun.kernels.ops;
}
