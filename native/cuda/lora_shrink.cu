// After lora.cuh.
// t = xa A^T in the rows of each adapter, A rounded to the type of xa. A block makes one rank of a few rows, a sum over all columns,
// so that many blocks read A at the same time; where a rank's columns go does not depend on the other rows.
namespace {
constexpr int ROWS = 4;  // of x, of a block

// Eight neighbours from column c on. ALIGNED: there are eight, and they lie at 16 bytes.
template <bool ALIGNED, class T>
DEVICE void read_columns(const T* from, i64 c, i64 cols, Piece<T>& e) {
  read8(ALIGNED ? (const T*)__builtin_assume_aligned(from + c, 16) : from + c, ALIGNED ? EIGHT : (int)min((i64)EIGHT, cols - c), e);
}

template <bool ALIGNED, class T>
DEVICE void sums_of(const LoraRun& run, int rank, int first, const Matrix& xa, T* type, float (&sum)[ROWS]) {
  const float* a = run.a + (i64)rank * run.stride;
#pragma unroll 2
  for (i64 c = threadIdx.x * EIGHT; c < xa.cols; c += BLOCK * EIGHT) {
    Piece<float> factor;
    Piece<T> rows[ROWS];
    read_columns<ALIGNED>(a, c, xa.cols, factor);
#pragma unroll
    for (int k = 0; k < ROWS; k++) read_columns<ALIGNED>(row(type, xa, min(first + k, run.end_row - 1)), c, xa.cols, rows[k]);
#pragma unroll
    for (int k = 0; k < ROWS; k++) {
      float x[EIGHT];
      unpack(rows[k], x);
#pragma unroll
      for (int i = 0; i < EIGHT; i++) sum[k] = __fmaf_rn(rounded(type, factor.v[i]), x[i], sum[k]);
    }
  }
}
}  // namespace

extern "C" __global__ void __launch_bounds__(256) lora_shrink(Matrix xa, Matrix t, Lora lora) {
  for (int task = (int)blockIdx.x;; task += (int)gridDim.x) {
    int rest = task, r = 0;
    for (; r < lora.count; r++) {
      const int tasks = lora.run[r].ranks * ((lora.run[r].end_row - lora.run[r].first_row + ROWS - 1) / ROWS);
      if (rest < tasks) break;
      rest -= tasks;
    }
    if (r == lora.count) return;
    const LoraRun& run = lora.run[r];
    const int rank = rest % run.ranks, first = run.first_row + rest / run.ranks * ROWS;
    for (i64 c = threadIdx.x * 32; c < xa.cols; c += BLOCK * 32) prefetch_l2(run.a + (i64)rank * run.stride + c);
    wait_for_launch_before();
    let_next_launch_begin();
    with_compute_type(xa.dtype, [&](auto* type) {
      const bool aligned = xa.cols % EIGHT == 0 && ((u64)run.a | (u64)run.stride * sizeof(float) | (u64)xa.data | (u64)xa.stride * sizeof(*type)) % 16 == 0;
      float sum[ROWS] = {};
      if (aligned) sums_of<true>(run, rank, first, xa, type, sum);
      else sums_of<false>(run, rank, first, xa, type, sum);
      team_reduce<Sum, BLOCK>(sum);
#pragma unroll
      for (int k = 0; k < ROWS; k++) {
        if (threadIdx.x == k && first + k < run.end_row) store(row(type, t, first + k) + rank, sum[k]);
      }
    });
  }
}
