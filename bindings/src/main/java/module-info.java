/** Generated CUDA bindings and the one lazy library lookup behind them. */
module io.gatun.bindings {
}
