// After rank.cuh.
// Where the largest of a row's first elements is: of equal ones the first, NaN below all. A block has a row.
constexpr int ARG_MAX_THREADS = 1024;

extern "C" __global__ void __launch_bounds__(1024) arg_max(Matrix x, int count, int* found) {
  __shared__ u64 best[ARG_MAX_THREADS];
  for (i64 i = blockIdx.x; i < x.rows; i += gridDim.x) {
    const float* const values = row((const float*)nullptr, x, i);
    u64 mine = 0;
    for (int first = (int)threadIdx.x * EIGHT; first < count; first += ARG_MAX_THREADS * EIGHT) {
      const int n = min(EIGHT, count - first);
      float v[EIGHT];
      load8(values + first, n, v);
#pragma unroll
      for (int k = 0; k < EIGHT; k++) {
        const u64 rank = rank_of(v[k], first + k);
        if (k < n && rank > mine) mine = rank;
      }
    }
    best[threadIdx.x] = mine;
    for (int half = ARG_MAX_THREADS / 2; half > 0; half /= 2) {
      __syncthreads();
      if ((int)threadIdx.x < half && best[threadIdx.x + half] > best[threadIdx.x]) best[threadIdx.x] = best[threadIdx.x + half];
    }
    if (threadIdx.x == 0) found[i] = index_of(best[0]);
    __syncthreads();
  }
}
