// to = scale * from where from lies in it, and 0 elsewhere.
extern "C" __global__ void __launch_bounds__(256) place(Matrix from, Matrix to, i64 first_row, i64 first_col, float scale) {
  const i64 per_row = (to.cols + EIGHT - 1) / EIGHT;
  with_compute_type(from.dtype, [&](auto* tf) {
    with_compute_type(to.dtype, [&](auto* tt) {
      for (i64 p = (i64)blockIdx.x * blockDim.x + threadIdx.x; p < to.rows * per_row; p += (i64)gridDim.x * blockDim.x) {
        const i64 i = p / per_row, first = (p - i * per_row) * EIGHT, r = i - first_row;
        const int n = (int)(to.cols - first < EIGHT ? to.cols - first : EIGHT);
        float v[EIGHT];
#pragma unroll
        for (int k = 0; k < EIGHT; k++) {
          const i64 c = first + k - first_col;
          const bool there = r >= 0 && r < from.rows && c >= 0 && c < from.cols;
          v[k] = there ? __fmul_rn(scale, load(row(tf, from, r) + c)) : 0;
        }
        store8(row(tt, to, i) + first, n, v);
      }
    });
  });
}
