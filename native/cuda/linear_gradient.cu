// dbSum += the sums of dy's columns. A block sums 64 columns: 32 threads side by side in rows, whose sums are added in order.
extern "C" __global__ void __launch_bounds__(256) linear_gradient_bias(Matrix dy, Matrix dbSum) {
  constexpr int GROUPS = 8, COLUMNS = GROUPS * EIGHT, LINES = 32;
  __shared__ float sums[LINES][COLUMNS];
  const int group = threadIdx.x % GROUPS, line = threadIdx.x / GROUPS;
  with_compute_type(dy.dtype, [&](auto* t) {
    for (i64 base = (i64)blockIdx.x * COLUMNS; base < dy.cols; base += (i64)gridDim.x * COLUMNS) {
      const i64 first = base + group * EIGHT, left = dy.cols - first;
      const int n = (int)(left < 0 ? 0 : left < EIGHT ? left : EIGHT);
      float sum[EIGHT] = {};
      for (i64 i = line; i < dy.rows && n > 0; i += LINES) {
        float v[EIGHT];
        load8(row(t, dy, i) + first, n, v);
#pragma unroll
        for (int k = 0; k < EIGHT; k++) sum[k] += v[k];
      }
#pragma unroll
      for (int k = 0; k < EIGHT; k++) sums[line][group * EIGHT + k] = sum[k];
      __syncthreads();
      const i64 j = base + threadIdx.x;
      if (threadIdx.x < COLUMNS && j < dy.cols) {
        float total = 0;
        for (int l = 0; l < LINES; l++) total += sums[l][threadIdx.x];
        ((float*)dbSum.data)[j] += total;
      }
      __syncthreads();
    }
  });
}
