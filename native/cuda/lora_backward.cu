// After lora.cuh.
// Of one adapter, with one reading of dy: u = dy s B, and dB += s dy^T t, for siblings of at most 16 ranks. A block works on 512 columns
// of a sibling and a chunk of rows. It leaves what its columns add to u, and its rows to dB, in parts that lora_backward_sums adds in
// order: first u's, 16 numbers for each chunk of columns and row, then dB's, 16 for each chunk of rows and column of dy.
constexpr int RANKS = 16, COLUMNS = 512, ROWS = 32, WARPS = BLOCK / WARP;
constexpr int PITCH = COLUMNS + EIGHT, RANK_PITCH = RANKS + EIGHT;        // rows of tiles begin in different banks
constexpr int QUARTERS = 4, DEPTH = COLUMNS / QUARTERS, STEPS = DEPTH / 16;  // of u's sums: a warp has a quarter of the columns
constexpr int OWN = COLUMNS / WARPS / 16;                                 // of dB's: a warp has 64 columns

namespace {
DEVICE int chunks_of(const LoraFactor& f) { return (f.end_row - f.first_row + COLUMNS - 1) / COLUMNS; }
DEVICE int all_chunks(const Lora& lora) {
  int chunks = 0;
  for (int f = lora.run[0].first_factor; f < lora.run[0].end_factor; f++) chunks += chunks_of(lora.factor[f]);
  return chunks;
}

struct Work {
  const LoraFactor& factor;
  int first, columns;     // of dy
  int row, end;           // of dy
  int part;               // number among all chunks of columns
};

struct Tiles {
  bf16 dy[2][ROWS * PITCH];
  bf16 t[2][ROWS * RANK_PITCH];
  float u[QUARTERS][ROWS * RANKS];
};

// s B of the block's columns, rounded, as operands of this warp's products for u.
DEVICE void load_factor(const Work& work, bf16* shared, u32 (&b)[STEPS][4]) {
  for (int c = threadIdx.x; c < COLUMNS; c += BLOCK) {
    const float* const from = work.factor.b + (i64)(work.first + c - work.factor.first_row) * work.factor.stride;
#pragma unroll
    for (int r = 0; r < RANKS; r++) {
      const bool there = c < work.columns && r < work.factor.ranks;
      store(shared + c * RANK_PITCH + r, there ? __fmul_rn(work.factor.scale, from[r]) : 0);
    }
  }
  __syncthreads();
  const int lane = threadIdx.x % WARP, quarter = threadIdx.x / WARP / 2;
#pragma unroll
  for (int k = 0; k < STEPS; k++) {
    const uint4 four = ldmatrix_x4_trans(shared + (quarter * DEPTH + 16 * k + lane % 16) * RANK_PITCH + lane / 16 * EIGHT);
    b[k][0] = four.x, b[k][1] = four.y, b[k][2] = four.z, b[k][3] = four.w;
  }
  __syncthreads();
}

// Rows of dy and t from `row` on are on their way; what lies outside is 0.
DEVICE void fetch(const Work& work, const Matrix& dy, const Matrix& t, int row_of_dy, bf16* tile, bf16* low) {
  constexpr int PIECES = COLUMNS / EIGHT;
#pragma unroll
  for (int p = threadIdx.x; p < ROWS * PIECES; p += BLOCK) {
    const int i = p / PIECES, c = p % PIECES * EIGHT;
    const bool there = row_of_dy + i < work.end && c < work.columns;
    cp_async_16(tile + i * PITCH + c, there ? row((const bf16*)nullptr, dy, row_of_dy + i) + work.first + c : (const bf16*)dy.data, there);
  }
  if (threadIdx.x < ROWS * 2) {
    const int i = threadIdx.x / 2, r = threadIdx.x % 2 * EIGHT;
    const bool there = row_of_dy + i < work.end && r < work.factor.ranks;
    cp_async_16(low + i * RANK_PITCH + r,
                there ? row((const bf16*)nullptr, t, row_of_dy + i) + work.factor.first_rank + r : (const bf16*)t.data, there);
  }
  cp_async_commit();
}

// What a quarter of the columns adds to 16 rows of u.
DEVICE void add_u(const bf16* tile, const u32 (&b)[STEPS][4], float* part) {
  const int lane = threadIdx.x % WARP, first = threadIdx.x / WARP % 2 * 16, quarter = threadIdx.x / WARP / 2;
  float sum[2][4] = {};
#pragma unroll
  for (int k = 0; k < STEPS; k++) {
    const uint4 a = ldmatrix_x4(tile + (first + lane % 16) * PITCH + quarter * DEPTH + 16 * k + lane / 16 * EIGHT);
    const u32 four[4] = {a.x, a.y, a.z, a.w};
    mma_m16n8k16_bf16(sum[0], four, b[k]);
    mma_m16n8k16_bf16(sum[1], four, b[k] + 2);
  }
#pragma unroll
  for (int n = 0; n < 2; n++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float* const to = part + quarter * ROWS * RANKS + (first + lane / 4 + 8 * h) * RANKS + 8 * n + lane % 4 * 2;
      *(float2*)to = make_float2(sum[n][2 * h], sum[n][2 * h + 1]);
    }
  }
}

// What these rows add to dB of the warp's columns.
DEVICE void add_b(const bf16* tile, const bf16* low, float (&sum)[OWN][2][4]) {
  const int lane = threadIdx.x % WARP, first = threadIdx.x / WARP * OWN * 16;
#pragma unroll
  for (int k = 0; k < ROWS; k += 16) {
    const uint4 t = ldmatrix_x4_trans(low + (k + lane % 16) * RANK_PITCH + lane / 16 * EIGHT);
    const u32 b[4] = {t.x, t.y, t.z, t.w};
#pragma unroll
    for (int m = 0; m < OWN; m++) {
      const uint4 a = ldmatrix_x4_trans(tile + (k + lane % 8 + lane / 16 * 8) * PITCH + first + 16 * m + lane / 8 % 2 * EIGHT);
      const u32 four[4] = {a.x, a.y, a.z, a.w};
      mma_m16n8k16_bf16(sum[m][0], four, b);
      mma_m16n8k16_bf16(sum[m][1], four, b + 2);
    }
  }
}

// The quarters' sums for a pair of ranks of a row, in order.
DEVICE void put_u(const Work& work, const float* part, int row_of_dy, i64 rows, float* parts) {
  const int at = (int)threadIdx.x * 2, i = row_of_dy + at / RANKS;
  static_assert(ROWS * RANKS == 2 * BLOCK, "a pair for each thread");
  if (i >= work.end) return;
  float2 sum = *(const float2*)(part + at);
#pragma unroll
  for (int q = 1; q < QUARTERS; q++) {
    const float2 more = *(const float2*)(part + q * ROWS * RANKS + at);
    sum.x += more.x, sum.y += more.y;
  }
  *(float2*)(parts + (work.part * rows + i) * RANKS + at % RANKS) = sum;
}

DEVICE void put_b(const Work& work, const float (&sum)[OWN][2][4], float* parts) {
  const int lane = threadIdx.x % WARP, first = threadIdx.x / WARP * OWN * 16;
#pragma unroll
  for (int m = 0; m < OWN; m++) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const int c = first + 16 * m + lane / 4 + 8 * h;
      float* const to = parts + (i64)(work.first + c) * RANKS + lane % 4 * 2;
      if (c < work.columns) {
        *(float2*)to = make_float2(sum[m][0][2 * h], sum[m][0][2 * h + 1]);
        *(float2*)(to + 8) = make_float2(sum[m][1][2 * h], sum[m][1][2 * h + 1]);
      }
    }
  }
}

// The sum of parts so far apart, in order.
DEVICE float4 sum_of(const float* from, i64 distance, int count) {
  float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 2
  for (int p = 0; p < count; p++, from += distance) {
    const float4 more = *(const float4*)from;
    sum.x += more.x, sum.y += more.y, sum.z += more.z, sum.w += more.w;
  }
  return sum;
}

DEVICE Work work_of(const Lora& lora, const Matrix& dy, int task, int chunks, int chunk_rows) {
  int rest = task % chunks, f = lora.run[0].first_factor;
  while (rest >= chunks_of(lora.factor[f])) rest -= chunks_of(lora.factor[f++]);
  const LoraFactor& factor = lora.factor[f];
  const int first = factor.first_row + rest * COLUMNS, row = task / chunks * chunk_rows;
  return {factor, first, min(COLUMNS, factor.end_row - first), row, (int)min((i64)row + chunk_rows, dy.rows), task % chunks};
}
}  // namespace

extern "C" __global__ void __launch_bounds__(256) lora_backward(Matrix dy, Matrix t, Lora lora, int chunk_rows, float* parts) {
  DYNAMIC_SHARED(uint4, shared);
  Tiles& tiles = *(Tiles*)shared;
  const int chunks = all_chunks(lora);
  const i64 tasks = chunks * ((dy.rows + chunk_rows - 1) / chunk_rows);
  float* const parts_of_b = parts + chunks * dy.rows * RANKS;
  for (i64 task = blockIdx.x; task < tasks; task += gridDim.x) {
    const Work work = work_of(lora, dy, (int)task, chunks, chunk_rows);
    u32 b[STEPS][4];
    load_factor(work, tiles.dy[0], b);
    float sum[OWN][2][4] = {};
    fetch(work, dy, t, work.row, tiles.dy[0], tiles.t[0]);
    int turn = 0;
    for (int i = work.row; i < work.end; i += ROWS, turn ^= 1) {
      fetch(work, dy, t, i + ROWS, tiles.dy[turn ^ 1], tiles.t[turn ^ 1]);
      cp_async_wait<1>();
      __syncthreads();
      add_u(tiles.dy[turn], b, tiles.u[0]);
      add_b(tiles.dy[turn], tiles.t[turn], sum);
      __syncthreads();
      put_u(work, tiles.u[0], i, dy.rows, parts);
    }
    cp_async_wait<0>();
    put_b(work, sum, parts_of_b + task / chunks * dy.cols * RANKS);
    __syncthreads();
  }
}

extern "C" __global__ void __launch_bounds__(256)
    lora_backward_sums(Matrix u, Lora gradients, i64 columns, int chunk_rows, const float* parts) {
  constexpr int QUADS = RANKS / 4;
  const LoraRun& run = gradients.run[0];
  const int chunks_of_rows = (int)((u.rows + chunk_rows - 1) / chunk_rows);
  const i64 rows = u.rows, step = (i64)gridDim.x * BLOCK;
  const float* const parts_of_b = parts + all_chunks(gradients) * rows * RANKS;
  int before = 0;
  for (int f = run.first_factor; f < run.end_factor; f++) {
    const LoraFactor& factor = gradients.factor[f];
    const int chunks = chunks_of(factor), quads = factor.ranks / 4;
    for (i64 i = (i64)blockIdx.x * BLOCK + threadIdx.x; i < rows * QUADS; i += step) {
      const i64 r = i / QUADS, q = i % QUADS;
      if (q >= quads) continue;
      const float4 sum = sum_of(parts + (before * rows + r) * RANKS + 4 * q, rows * RANKS, chunks);
      *(uint2*)(row((bf16*)nullptr, u, r) + factor.first_rank + 4 * q) = make_uint2(bf16x2_rn(sum.x, sum.y), bf16x2_rn(sum.z, sum.w));
    }
    for (i64 i = (i64)blockIdx.x * BLOCK + threadIdx.x; i < (i64)(factor.end_row - factor.first_row) * QUADS; i += step) {
      const i64 c = i / QUADS, q = i % QUADS;
      if (q >= quads) continue;
      const float4 sum = sum_of(parts_of_b + (factor.first_row + c) * RANKS + 4 * q, columns * RANKS, chunks_of_rows);
      float* const to = (float*)factor.b + c * factor.stride + 4 * q;
      to[0] = __fmaf_rn(factor.scale, sum.x, to[0]);
      to[1] = __fmaf_rn(factor.scale, sum.y, to[1]);
      to[2] = __fmaf_rn(factor.scale, sum.z, to[2]);
      to[3] = __fmaf_rn(factor.scale, sum.w, to[3]);
    }
    before += chunks;
  }
}
