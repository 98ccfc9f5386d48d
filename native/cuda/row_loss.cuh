// What the losses of rows against targets share.
template <class TEAM, class T, class F>
DEVICE void row_losses(T* t, const Matrix& z, const Matrix& targets, const Matrix& weights, const Matrix& rowLoss, F f) {
  float* const f32 = nullptr;
  each_row<TEAM>(z.rows, [&](i64 i) {
    T* const predicted = row(t, z, i);
    const float* const wanted = row(f32, targets, i);
    const float share = *row(f32, weights, i) / (float)z.cols;
    float sum[1] = {0};
    each_of_row<TEAM, T>(z.cols, [&](u32 first, int n, int) {
      float x[EIGHT], y[EIGHT];
      load8(piece<TEAM>(predicted, first), n, x);
      load8(piece<TEAM>(wanted, first), n, y);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) {
        float d;
        const float loss = f(x[k], y[k], d);
        sum[0] += k < n ? loss : 0;
        x[k] = d * share;
      }
      store8(piece<TEAM>(predicted, first), n, x);
    });
    team_reduce<Sum, TEAM::size>(sum);
    __syncwarp();  // rowLoss may be weights
    if (threadIdx.x % TEAM::size == 0) *row(f32, rowLoss, i) = share * sum[0];
  });
}

// rowLoss = weight * mean of f(z, t, d), which sets d to its derivative by z; z becomes weight * d / columns.
template <class F>
DEVICE void each_row_loss(const Matrix& z, const Matrix& targets, const Matrix& weights, const Matrix& rowLoss, F f) {
  with_compute_type(z.dtype, [&](auto* t) {
    with_team(z.cols, in_pieces(z) && in_pieces(targets), [&](auto team) {
      row_losses<decltype(team)>(t, z, targets, weights, rowLoss, f);
    });
  });
}
