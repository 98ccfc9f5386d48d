// After functions.cuh, nf4.cuh, lora.cuh, nf4_mat_vec.cuh.
// Products of few rows with a 4-bit weight and adapters: y = x w^T + t (s B)^T. The ranks are further terms of the same sums, which
// begin with them while the first codes are under way.
namespace {
// Four neighbours, of which the first n exist. ALIGNED: all or none do, and they lie at 16 or 8 bytes.
template <bool ALIGNED>
DEVICE float4 four(const float* p, int n) {
  const float4 none = make_float4(0, 0, 0, 0);
  if (ALIGNED) return n > 0 ? __ldg((const float4*)p) : none;
  return make_float4(n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, n > 3 ? p[3] : 0);
}
template <bool ALIGNED>
DEVICE uint2 four(const bf16* p, int n) {
  if (ALIGNED) return n > 0 ? *(const uint2*)p : make_uint2(0, 0);
  return make_uint2((n > 0 ? p[0].bits : 0) | (n > 1 ? (u32)p[1].bits << 16 : 0), (n > 2 ? p[2].bits : 0) | (n > 3 ? (u32)p[3].bits << 16 : 0));
}
DEVICE bool aligned(const LoraFactor& f, const Matrix& t) {
  return f.ranks % 4 == 0 && f.first_rank % 4 == 0 && f.stride % 4 == 0 && (u64)f.b % 16 == 0 && ((u64)t.data | t.stride * 2) % 8 == 0;
}

// acc += 16 ranks of a factor for the tokens of its run. first: the lane's first of four rows, of which the first `rows` exist.
template <bool ALIGNED, int TOKENS>
DEVICE void add_ranks(const LoraRun& run, const LoraFactor& f, int rank, int first, int rows, const Matrix& t, Sums<TOKENS>& acc) {
  constexpr int GROUPS = Shape<TOKENS>::GROUPS;
  const int lane = opaque((int)threadIdx.x) % 32, g = lane / 4, q = lane % 4, left = f.ranks - rank - 4 * q;
  float4 b[4];
  uint2 low[GROUPS];
#pragma unroll
  for (int k = 0; k < 4; k++) {
    const int r = first + k - f.first_row;
    const bool is = k < rows && r >= 0 && r < f.end_row - f.first_row;
    b[k] = four<ALIGNED>(f.b + (i64)r * f.stride + rank + 4 * q, is ? left : 0);
  }
#pragma unroll
  for (int n = 0; n < GROUPS; n++) {
    const int token = n * GROUP + g;
    const bool uses = token >= run.first_row && token < run.end_row;
    low[n] = four<ALIGNED>(row((bf16*)nullptr, t, token) + f.first_rank + rank + 4 * q, uses ? left : 0);
  }
#pragma unroll
  for (int m = 0; m < 2; m++) {
    u32 a[4];
#pragma unroll
    for (int k = 0; k < 2; k++) {
      const float4 v = b[2 * m + k];
      a[k] = bf16x2_rn(__fmul_rn(f.scale, v.x), __fmul_rn(f.scale, v.y));
      a[2 + k] = bf16x2_rn(__fmul_rn(f.scale, v.z), __fmul_rn(f.scale, v.w));
    }
#pragma unroll
    for (int n = 0; n < GROUPS; n++) {
      const u32 words[2] = {low[n].x, low[n].y};
      float sum[4] = {};
      mma_m16n8k16_bf16(sum, a, words);
#pragma unroll
      for (int k = 0; k < 4; k += TOKENS > 1 ? 1 : 2) {
        const int of = n * GROUP + 2 * q + k % 2;  // another's B may be infinite
        if (of >= run.first_row && of < run.end_row) acc.of[m][n][k] += sum[k];
      }
    }
  }
}

// What adapters add: low = t (s B)^T. first_row: of the weight, of these bands.
struct Low {
  const Lora& lora;
  const Matrix& t;
  int first_row;
  const Nf4Bands& w;
  int parts;

  // f(run, factor) for the factors that have rows of the calling warp's strip.
  template <class F>
  __device__ __forceinline__ void each_factor(int first, int rows, F f) const {
#pragma unroll 1
    for (int r = 0; r < lora.count; r++) {
#pragma unroll 1
      for (int i = lora.run[r].first_factor; i < lora.run[r].end_factor; i++) {
        const LoraFactor& factor = lora.factor[i];
        if (__any_sync(~0u, first + rows > factor.first_row && first < factor.end_row)) f(lora.run[r], factor);
      }
    }
  }
  // Brings B near: a row of the strip by each lane.
  __device__ __forceinline__ void ask(int strip, int end) const {
    const int thread = opaque((int)threadIdx.x);
    strip += thread / 32 / parts;
    if (thread / 32 % parts != 0 || strip >= end) return;
    const Half half = half_of(w, strip, thread % 32 / 16);
    const int row = first_row + w.first[half.band] + half.row + thread % 16;
    each_factor(row, 1, [&](const LoraRun&, const LoraFactor& f) {
      if (row < f.first_row || row >= f.end_row) return;
      for (int rank = 0; rank < f.ranks; rank += 32) prefetch_l2(f.b + (i64)(row - f.first_row) * f.stride + rank);
    });
  }
  // The parts of a strip take turns.
  template <int TOKENS>
  __device__ __forceinline__ void add(Sums<TOKENS>& acc, int strip, int end) const {
    const int thread = opaque((int)threadIdx.x), part = thread / 32 % parts;
    strip += thread / 32 / parts;
    if (strip >= end) return;
    const Half half = half_of(w, strip, thread % 32 / 16);
    const int in_band = half.row + thread % 32 / 4 % 4 * 4, first = first_row + w.first[half.band] + in_band;
    const int rows = max(0, min(4, (int)w.band[half.band].rows - in_band));
    int turn = 0;
    each_factor(first, rows, [&](const LoraRun& run, const LoraFactor& f) {
#pragma unroll 1
      for (int rank = 0; rank < f.ranks; rank += 16) {
        const bool mine = turn == part;
        turn = turn + 1 < parts ? turn + 1 : 0;
        if (!mine) continue;
        if (aligned(f, t)) add_ranks<true>(run, f, rank, first, rows, t, acc);
        else add_ranks<false>(run, f, rank, first, rows, t, acc);
      }
    });
  }
};
}  // namespace

extern "C" __global__ void __launch_bounds__(512) nf4_mat_vec_lora_1(Matrix x, Nf4Bands w, const float* bias, Matrix residual, int add,
    int activation, Matrix y, int parts, int chunk, Matrix t, int first_row, Lora lora) {
  mat_vec<1>(x, w, {parts, chunk}, Low{lora, t, first_row, w, parts}, {bias, residual, add, activation, y});
}
extern "C" __global__ void __launch_bounds__(512) nf4_mat_vec_lora_8(Matrix x, Nf4Bands w, const float* bias, Matrix residual, int add,
    int activation, Matrix y, int parts, int chunk, Matrix t, int first_row, Lora lora) {
  mat_vec<8>(x, w, {parts, chunk}, Low{lora, t, first_row, w, parts}, {bias, residual, add, activation, y});
}
extern "C" __global__ void __launch_bounds__(512) nf4_mat_vec_lora_16(Matrix x, Nf4Bands w, const float* bias, Matrix residual, int add,
    int activation, Matrix y, int parts, int chunk, Matrix t, int first_row, Lora lora) {
  mat_vec<16>(x, w, {parts, chunk}, Low{lora, t, first_row, w, parts}, {bias, residual, add, activation, y});
}
extern "C" __global__ void __launch_bounds__(384) nf4_mat_vec_lora_32(Matrix x, Nf4Bands w, const float* bias, Matrix residual, int add,
    int activation, Matrix y, int parts, int chunk, Matrix t, int first_row, Lora lora) {
  mat_vec<32>(x, w, {parts, chunk}, Low{lora, t, first_row, w, parts}, {bias, residual, add, activation, y});
}
