// After nf4.cuh. y = x w^T (+ bias) (+ y) for up to 32 rows of x, bf16, and a weight in tiles, on tensor cores: it is read once, as it
// is, and decoded to the bits that nf4_dequantize gives. Rows of the weight are the rows of the products, tokens their columns.
namespace {
constexpr int WARPS = 8, TOKENS = 8;

// Two neighbours of a row, as the tensor cores take them.
DEVICE u32 pair(const Nf4Tables& t, u32 word, int p, float scale, int recorded) {
  float a = __fmul_rn(t.values[word >> 4 * p & 15], scale), b = __fmul_rn(t.values[word >> (16 + 4 * p) & 15], scale);
  if (recorded == F16) a = rounded(F16, a), b = rounded(F16, b);
  return bf16x2_rn(a, b);
}

// acc += 64 columns of 16 rows. A lane has rows g and g + 8 and, of every 32 columns, eight neighbours: the same ones of w and of x,
// so that in which order the tensor cores think they stand does not matter.
template <int GROUPS>
DEVICE void multiply_tile(const Matrix& x, const Nf4Band& w, const Nf4Tables& t, i64 down, int across, float (*acc)[4]) {
  const int lane = threadIdx.x % 32, g = lane / 4, q = lane % 4;
  const i64 per_row = w.cols / w.block_size, block = w.block_size == TILE_COLS ? across : across / (w.block_size / TILE_COLS);
  const u32* codes = (const u32*)w.codes + (down * (w.cols / TILE_COLS) + across) * 128;
  float scale[2];
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const i64 r = down * TILE_ROWS + g + 8 * h;
    scale[h] = r < w.rows ? block_scale(w, t.map, r * per_row + block) : 0;
  }
#pragma unroll
  for (int v = q; v < 8; v += 4) {
    const u32 low = __ldg(codes + v * TILE_ROWS + g), high = __ldg(codes + v * TILE_ROWS + g + 8);
    u32 a[2][4];
#pragma unroll
    for (int p = 0; p < 4; p++) {
      a[p / 2][p % 2 * 2] = pair(t, low, p, scale[0], w.recorded);
      a[p / 2][p % 2 * 2 + 1] = pair(t, high, p, scale[1], w.recorded);
    }
#pragma unroll
    for (int n = 0; n < GROUPS; n++) {
      const i64 token = n * TOKENS + g;
      uint4 b = make_uint4(0, 0, 0, 0);
      if (token < x.rows) b = __ldg((const uint4*)(row((bf16*)nullptr, x, token) + across * TILE_COLS + v * EIGHT));
      const u32 first[2] = {b.x, b.y}, second[2] = {b.z, b.w};
      mma_m16n8k16_bf16(acc[n], a[0], first);
      mma_m16n8k16_bf16(acc[n], a[1], second);
    }
  }
}

// A block has 16 rows of the weight, its warps take tiles by turns, and their sums are added in order.
template <int GROUPS>
DEVICE void mat_vec(const Matrix& x, const Nf4Band& w, const Nf4Tables& t, const float* bias, const Matrix& y, int add) {
  __shared__ float sums[WARPS][TILE_ROWS][GROUPS * TOKENS];
  const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, q = threadIdx.x % 4, tiles = (int)(w.cols / TILE_COLS);
  for (i64 down = blockIdx.x; down * TILE_ROWS < w.rows; down += gridDim.x) {
    float acc[GROUPS][4] = {};
    for (int across = warp; across < tiles; across += WARPS) multiply_tile<GROUPS>(x, w, t, down, across, acc);
#pragma unroll
    for (int n = 0; n < GROUPS; n++) {
#pragma unroll
      for (int k = 0; k < 4; k++) sums[warp][g + k / 2 * 8][n * TOKENS + 2 * q + k % 2] = acc[n][k];
    }
    __syncthreads();
    for (int i = threadIdx.x; i < TILE_ROWS * (int)x.rows; i += WARPS * 32) {
      const int r = i % TILE_ROWS, token = i / TILE_ROWS;
      const i64 out = down * TILE_ROWS + r;
      if (out >= w.rows) continue;
      float sum = 0;
#pragma unroll
      for (int s = 0; s < WARPS; s++) sum += sums[s][r][token];
      if (bias != nullptr) sum += bias[out];
      with_compute_type(y.dtype, [&](auto* ty) {
        auto* to = row(ty, y, token) + out;
        store(to, add ? sum + load(to) : sum);
      });
    }
    __syncthreads();
  }
}
}  // namespace

extern "C" __global__ void __launch_bounds__(256) nf4_mat_vec(Matrix x, Nf4Band w, const float* bias, Matrix y, int add) {
  __shared__ Nf4Tables tables;
  fill(tables, w);
  if (x.rows <= TOKENS) mat_vec<1>(x, w, tables, bias, y, add);
  else if (x.rows <= 2 * TOKENS) mat_vec<2>(x, w, tables, bias, y, add);
  else mat_vec<4>(x, w, tables, bias, y, add);
}
