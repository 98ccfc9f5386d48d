// After rows.cuh, row_loss.cuh.
// Mean squared error of rows and its gradient.
extern "C" __global__ void __launch_bounds__(256) squared_error(Matrix z, Matrix targets, Matrix weights, Matrix rowLoss) {
  each_row_loss(z, targets, weights, rowLoss, [](float x, float t, float& d) {
    const float difference = x - t;
    d = 2 * difference;
    return difference * difference;
  });
}
