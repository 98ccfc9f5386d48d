// After nf4.cuh. y = code value * scale, rounded to the recorded type and then to y's. Nested scales are decoded on the way.

namespace {
constexpr int THREADS = 256, IN_FLIGHT = 2;

// Eight neighbours, aligned to 16 bytes; they leave the cache first, as nobody reads them before most of the others are written.
DEVICE void store_whole(float* y, const float* v) {
  __stcs((float4*)y, make_float4(v[0], v[1], v[2], v[3]));
  __stcs((float4*)(y + 4), make_float4(v[4], v[5], v[6], v[7]));
}
DEVICE void store_whole(bf16* y, const float* v) {
  __stcs((uint4*)y, make_uint4(bf16x2_rn(v[0], v[1]), bf16x2_rn(v[2], v[3]), bf16x2_rn(v[4], v[5]), bf16x2_rn(v[6], v[7])));
}
DEVICE u32 half_pair(float lo, float hi) { return half_rn(lo) | (u32)half_rn(hi) << 16; }
DEVICE void store_whole(f16* y, const float* v) {
  __stcs((uint4*)y, make_uint4(half_pair(v[0], v[1]), half_pair(v[2], v[3]), half_pair(v[4], v[5]), half_pair(v[6], v[7])));
}

template <bool TILED>
DEVICE void decode8(const Nf4Tables& t, u32 codes, float scale, float* v) {
#pragma unroll
  for (int k = 0; k < EIGHT; k++) v[k] = __fmul_rn(t.values[codes >> (TILED ? tile_shift(k) : file_shift(k)) & 15], scale);
}

// Rows and blocks are whole words of eight codes. Lanes take neighbouring words, so loads and stores cover whole lines.
template <class Y>
DEVICE void file_words(const Nf4Band& w, const Matrix& y, const Nf4Tables& t, Y* ty) {
  const u32 per_row = (u32)(w.cols / EIGHT), per_block = w.block_size / EIGHT, words = (u32)w.rows * per_row;
  constexpr u64 SPAN = THREADS * IN_FLIGHT;
  for (u64 first = blockIdx.x * SPAN + threadIdx.x; first < words; first += gridDim.x * SPAN) {
    u32 codes[IN_FLIGHT];
    float scale[IN_FLIGHT];
#pragma unroll
    for (int j = 0; j < IN_FLIGHT; j++) {
      const u64 i = first + j * THREADS;
      if (i >= words) continue;
      codes[j] = __ldcs((const u32*)w.codes + i);
      scale[j] = block_scale(w, t.map, (u32)i / per_block);
    }
#pragma unroll
    for (int j = 0; j < IN_FLIGHT; j++) {
      const u64 i = first + j * THREADS;
      if (i >= words) continue;
      const u32 r = (u32)i / per_row;
      float v[EIGHT];
      decode8<false>(t, codes[j], scale[j], v);
      store_whole(row(ty, y, r) + ((u32)i - r * per_row) * EIGHT, v);
    }
  }
}

// Two tiles side by side, and what a lane asks for of them: 16 bytes of each, and the scale of row lane % 16 of tile lane / 16.
struct Pair {
  i64 row;
  u32 tile;  // of the row of tiles
  uint4 codes[2];
  float scale;
  u32 code;  // of a nested scale, which then is that of the scales
};
DEVICE void ask(Pair& p, const Nf4Band& w, u32 i) {
  const u32 lane = threadIdx.x % 32, across = (u32)w.cols / TILE_COLS, pairs = (across + 1) / 2, down = i / pairs;
  p.row = (i64)down * TILE_ROWS, p.tile = (i - down * pairs) * 2;
  const uint4* codes = (const uint4*)w.codes + ((i64)down * across + p.tile) * 32 + lane;
  p.codes[0] = __ldcs(codes);
  p.codes[1] = p.tile + 1 < across ? __ldcs(codes + 32) : make_uint4(0, 0, 0, 0);
  const u32 tile = min(p.tile + lane / TILE_ROWS, across - 1), wide = w.block_size / TILE_COLS;
  const i64 block = min(p.row + lane % TILE_ROWS, w.rows - 1) * ((u32)w.cols / w.block_size) + (wide == 1 ? tile : tile / wide);
  if (w.nested == nullptr) p.scale = __ldg((const float*)w.scales + block);
  else p.code = __ldg((const u8*)w.scales + block), p.scale = __ldg(w.nested + block / NESTED_BLOCK);
}

// A warp takes pairs. A scale is decoded by one lane, whom the others ask; in each of four steps whole lines of four rows go out. The
// first codes are on their way while the tables are filled.
template <class Y>
DEVICE void tiles(const Nf4Band& w, const Matrix& y, Nf4Tables& t, Y* ty) {
  const u32 lane = threadIdx.x % 32, across = (u32)w.cols / TILE_COLS, step = gridDim.x * (THREADS / 32);
  const u32 count = (u32)((w.rows + TILE_ROWS - 1) / TILE_ROWS) * ((across + 1) / 2);
  u32 i = blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
  Pair p;
  if (i < count) ask(p, w, i);
  fill(t, w);
  while (i < count) {
    const i64 top = p.row + lane % 4 * 4;
    Y* to = row(ty, y, top) + p.tile * TILE_COLS + lane / 4 * EIGHT;
    const float mine = w.nested == nullptr ? p.scale : __fadd_rn(__fmul_rn(t.map[p.code], p.scale), w.offset);
#pragma unroll
    for (int k = 0; k < 2; k++) {
      const u32 words[4] = {p.codes[k].x, p.codes[k].y, p.codes[k].z, p.codes[k].w};
#pragma unroll
      for (int r = 0; r < 4; r++) {
        const float scale = __shfl_sync(~0u, mine, k * TILE_ROWS + lane % 4 * 4 + r);
        float v[EIGHT];
        decode8<true>(t, words[r], scale, v);
        if (p.tile + k < across && top + r < w.rows) store_whole(to + r * y.stride + k * TILE_COLS, v);
      }
    }
    i += step;
    if (i < count) ask(p, w, i);
  }
}

// What is not whole words, goes where they would not be aligned, or is rounded twice: one code after the other.
template <class Y>
DEVICE void single_codes(const Nf4Band& w, const Matrix& y, const Nf4Tables& t, Y* ty) {
  for (i64 e = (i64)blockIdx.x * THREADS + threadIdx.x; e < w.rows * w.cols; e += (i64)gridDim.x * THREADS) {
    const i64 i = e / w.cols, j = e - i * w.cols;
    const u32 code = w.tiled ? ((const u32*)w.codes)[tile_word(w, i, j)] >> tile_shift(j % EIGHT) : ((const u8*)w.codes)[e / 2] >> (e % 2 ? 0 : 4);
    store(row(ty, y, i) + j, rounded(w.recorded, __fmul_rn(t.values[code & 15], block_scale(w, t.map, e / w.block_size))));
  }
}
}  // namespace

// Words are counted in 32 bits, which is enough for 16 GB of codes; larger weights go code by code.
extern "C" __global__ void __launch_bounds__(256) nf4_dequantize(Nf4Band w, Matrix y) {
  __shared__ Nf4Tables tables;
  const bool words = w.cols % EIGHT == 0 && w.block_size % EIGHT == 0 && w.rows * (w.cols / EIGHT) < 1LL << 32;
  with_type(y.dtype, [&](auto* ty) {
    const bool aligned = (u64)y.data % 16 == 0 && y.stride * sizeof(*ty) % 16 == 0;
    const bool once = w.recorded == F32 || w.recorded == y.dtype;  // the store rounds to that type
    if (aligned && once && w.tiled) tiles(w, y, tables, ty);
    else {
      fill(tables, w);
      if (aligned && once && words) file_words(w, y, tables, ty);
      else single_codes(w, y, tables, ty);
    }
  });
}
