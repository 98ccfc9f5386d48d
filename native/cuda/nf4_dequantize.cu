// After nf4.cuh. y = code value * scale, rounded to the recorded type and then to y's. Nested scales are decoded on the way.

namespace {
constexpr int THREADS = 256, IN_FLIGHT = 2;

// Eight neighbours, aligned to 16 bytes.
DEVICE void store_whole(float* y, const float* v) {
  *(float4*)y = make_float4(v[0], v[1], v[2], v[3]);
  *(float4*)(y + 4) = make_float4(v[4], v[5], v[6], v[7]);
}
DEVICE void store_whole(bf16* y, const float* v) {
  *(uint4*)y = make_uint4(bf16x2_rn(v[0], v[1]), bf16x2_rn(v[2], v[3]), bf16x2_rn(v[4], v[5]), bf16x2_rn(v[6], v[7]));
}
DEVICE u32 half_pair(float lo, float hi) { return half_rn(lo) | (u32)half_rn(hi) << 16; }
DEVICE void store_whole(f16* y, const float* v) {
  *(uint4*)y = make_uint4(half_pair(v[0], v[1]), half_pair(v[2], v[3]), half_pair(v[4], v[5]), half_pair(v[6], v[7]));
}

template <bool TILED, class Y>
DEVICE void decode8(const Nf4Tables& t, u32 codes, float scale, Y* y) {
  float v[EIGHT];
#pragma unroll
  for (int k = 0; k < EIGHT; k++) v[k] = __fmul_rn(t.values[codes >> (TILED ? tile_shift(k) : file_shift(k)) & 15], scale);
  store_whole(y, v);
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
      decode8<false>(t, codes[j], scale[j], row(ty, y, r) + ((u32)i - r * per_row) * EIGHT);
    }
  }
}

// A warp a tile: 16 bytes a lane in, and in each of four steps whole lines of four rows out.
template <class Y>
DEVICE void tiles(const Nf4Band& w, const Matrix& y, const Nf4Tables& t, Y* ty) {
  const int lane = threadIdx.x % 32, warps = THREADS / 32;
  for (i64 tile = (i64)blockIdx.x * warps + threadIdx.x / 32; tile < tile_count(w); tile += (i64)gridDim.x * warps) {
    const uint4 four = __ldcs((const uint4*)w.codes + tile * 32 + lane);
    const u32 words[4] = {four.x, four.y, four.z, four.w};
    const TilePart at = tile_part(w, tile, lane);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (at.row + i >= w.rows) continue;
      const float scale = block_scale(w, t.map, ((at.row + i) * w.cols + at.col) / w.block_size);
      decode8<true>(t, words[i], scale, row(ty, y, at.row + i) + at.col);
    }
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
  fill(tables, w);
  const bool words = w.cols % EIGHT == 0 && w.block_size % EIGHT == 0 && w.rows * (w.cols / EIGHT) < 1LL << 32;
  with_type(y.dtype, [&](auto* ty) {
    const bool aligned = (u64)y.data % 16 == 0 && y.stride * sizeof(*ty) % 16 == 0;
    const bool once = w.recorded == F32 || w.recorded == y.dtype;  // the store rounds to that type
    if (aligned && once && w.tiled) tiles(w, y, tables, ty);
    else if (aligned && once && words) file_words(w, y, tables, ty);
    else single_codes(w, y, tables, ty);
  });
}
