/** Generated CUDA bindings and the one lazy library lookup behind them. */
module io.gatun.bindings {
  exports io.gatun.bindings to
      io.gatun.kernels;
  exports io.gatun.bindings.cuda to
      io.gatun.kernels;
  exports io.gatun.bindings.cublaslt to
      io.gatun.kernels;
  exports io.gatun.bindings.nvrtc to
      io.gatun.kernels;
}
