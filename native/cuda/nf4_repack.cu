// After nf4.cuh. Codes from file order to tiles and back. Rows of a tile beyond the matrix are filled with zero bytes.

namespace {
// Nibbles, lowest first: file order is 1 0 3 2 5 4 7 6, tile order is 0 2 4 6 1 3 5 7.
DEVICE u32 gather_nibbles(u32 x) {  // every other nibble, from bit 0 on, to the low half
  x &= 0x0f0f0f0f;
  x = (x | x >> 4) & 0x00ff00ff;
  return (x | x >> 8) & 0xffff;
}
DEVICE u32 spread_nibbles(u32 x) {
  x = (x | x << 8) & 0x00ff00ff;
  return (x | x << 4) & 0x0f0f0f0f;
}
DEVICE u32 file_to_tile(u32 x) { return gather_nibbles(x >> 4) | gather_nibbles(x) << 16; }
DEVICE u32 tile_to_file(u32 x) { return spread_nibbles(x & 0xffff) << 4 | spread_nibbles(x >> 16); }

DEVICE void copy(const Nf4Band& from, const Nf4Band& to) {
  const i64 rows = from.tiled ? (from.rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS : from.rows, bytes = (rows * from.cols + 1) / 2;
  const i64 first = (i64)blockIdx.x * blockDim.x + threadIdx.x, step = (i64)gridDim.x * blockDim.x;
  for (i64 i = first; i < bytes / 4; i += step) ((u32*)to.codes)[i] = ((const u32*)from.codes)[i];
  for (i64 i = bytes / 4 * 4 + first; i < bytes; i += step) ((u8*)to.codes)[i] = ((const u8*)from.codes)[i];
}

// A warp a tile, 16 bytes of it a lane.
template <class F>
DEVICE void each_part(const Nf4Band& w, F f) {
  const int warps = blockDim.x / 32, lane = threadIdx.x % 32;
  for (i64 tile = (i64)blockIdx.x * warps + threadIdx.x / 32; tile < tile_count(w); tile += (i64)gridDim.x * warps) {
    f(tile * 32 + lane, tile_part(w, tile, lane));
  }
}
}  // namespace

extern "C" __global__ void __launch_bounds__(256) nf4_repack(Nf4Band from, Nf4Band to) {
  if (from.tiled == to.tiled) return copy(from, to);
  const i64 per_row = from.cols / EIGHT;
  each_part(to.tiled ? to : from, [&](i64 quarter, TilePart at) {
    u32 words[4];
    const i64 first = at.row * per_row + at.col / EIGHT;
    if (to.tiled) {
#pragma unroll
      for (int i = 0; i < 4; i++) words[i] = at.row + i < from.rows ? file_to_tile(((const u32*)from.codes)[first + i * per_row]) : 0;
      ((uint4*)to.codes)[quarter] = make_uint4(words[0], words[1], words[2], words[3]);
    } else {
      const uint4 four = ((const uint4*)from.codes)[quarter];
      words[0] = four.x, words[1] = four.y, words[2] = four.z, words[3] = four.w;
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (at.row + i < to.rows) ((u32*)to.codes)[first + i * per_row] = tile_to_file(words[i]);
      }
    }
  });
}
