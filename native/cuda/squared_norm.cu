// Sum of squares in fp64. Each part has a sum of its own over every so many spans of a row; the block that is done last adds the
// parts and leaves the result where the first was. What is added to what depends on their number only, not on that of blocks.
constexpr i64 SPAN = BLOCK * EIGHT;

// Of all threads of a block: a tree in a fixed order, in the first thread.
DEVICE double block_sum(double v) {
  __shared__ double sums[BLOCK];
  __syncthreads();  // the last result has been read
  sums[threadIdx.x] = v;
  for (int half = BLOCK / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  return sums[0];
}

template <class T>
DEVICE double squares(const T* x, i64 cols) {
  const i64 first = (i64)threadIdx.x * EIGHT;
  double sum = 0;
  if (first < cols) {
    float v[EIGHT];
    load8(x + first, (int)min(cols - first, (i64)EIGHT), v);
#pragma unroll
    for (int k = 0; k < EIGHT; k++) sum += (double)v[k] * v[k];
  }
  return sum;
}

extern "C" __global__ void __launch_bounds__(256) squared_norm(Matrix x, int parts, double* sums, u32* done) {
  const i64 spans = (x.cols + SPAN - 1) / SPAN;
  with_compute_type(x.dtype, [&](auto* t) {
    for (i64 part = blockIdx.x; part < parts; part += gridDim.x) {
      double sum = 0;
      for (i64 b = part; b < x.rows * spans; b += parts) {
        const i64 first = b % spans * SPAN;
        sum += squares(row(t, x, b / spans) + first, x.cols - first);
      }
      sum = block_sum(sum);
      if (threadIdx.x == 0) sums[part] = sum;
    }
  });
  __shared__ bool last;
  if (threadIdx.x == 0) last = atomic_add_acq_rel(done, 1) == gridDim.x - 1;
  __syncthreads();
  if (!last) return;
  double sum = 0;
  for (int part = threadIdx.x; part < parts; part += BLOCK) sum += sums[part];
  sum = block_sum(sum);
  if (threadIdx.x == 0) {
    *sums = sum;
    *done = 0;
  }
}
