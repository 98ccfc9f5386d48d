// 4-bit matrices: the values of the codes, where a code lies, and what a block's scale is. The same as native/cpu/nf4.h; the tiles
// are described there.

// As gatun_nf4_band of gatun_kernels.h, and in io.gatun.kernels.cuda.CudaLaunch.
struct Nf4Band {
  i64 rows, cols;
  void* codes;
  void* scales;         // float a block, or with nested scales u8 a block
  const float* nested;  // float for each 256 blocks, or null
  float offset;
  int code, block_size, recorded, tiled, reserved;
};
enum { NF4 = 0, FP4 = 1 };
constexpr int TILE_ROWS = 16, TILE_COLS = 64, NESTED_BLOCK = 256;

static __device__ const float nf4_values[16] = {
#include "nf4_codebook.inc"
};
// Bit 3 is the sign.
static __device__ const float fp4_values[16] = {0.0f, 0.0625f / 12,  8.0f / 12,  1.0f,  4.0f / 12,  0.5f,  2.0f / 12,  0.25f,
                                                0.0f, -0.0625f / 12, -8.0f / 12, -1.0f, -4.0f / 12, -0.5f, -2.0f / 12, -0.25f};

// The signed dynamic map of 8 bits: for each of 7 decades 2^i means of neighbouring boundaries in [0.1, 1], both signs; 0 and 1.
struct SignedMap {
  float values[256] = {};
  float midpoints[255] = {};

  constexpr SignedMap() {
    const float powers[7] = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
    // Ascending: the negative half from the last decade down, then 0, then the positive half; 1 has no partner.
    int place = 128;
    values[127] = 0;
    values[255] = 1;
    for (int i = 0; i < 7; i++) {
      for (int k = 0; k < 1 << i; k++, place++) {
        const float mean = (boundary(k, 1 << i) + boundary(k + 1, 1 << i)) / 2;
        values[place] = mean * powers[i];
        values[254 - place] = -(mean * powers[i]);
      }
    }
    for (int i = 0; i < 255; i++) midpoints[i] = (values[i] + values[i + 1]) / 2;
  }

  // Element k of n + 1 equidistant numbers from 0.1 to 1, rounded once.
  static constexpr float boundary(int k, int n) {
    const float step = (1.0f - 0.1f) / (float)n;
    return k < (n + 1) / 2 ? (float)((double)0.1f + (double)step * k) : (float)(1.0 - (double)step * (n - k));
  }
};
static __device__ const SignedMap signed_map;

// Rounded after the product and after the sum: bits are promised. map: the values of signed_map, or a copy.
DEVICE float block_scale(const Nf4Band& w, const float* map, i64 block) {
  if (w.nested == nullptr) return ((const float*)w.scales)[block];
  return __fadd_rn(__fmul_rn(map[((const u8*)w.scales)[block]], w.nested[block / NESTED_BLOCK]), w.offset);
}

// To the type that a decoded value is recorded in.
DEVICE float rounded(int dtype, float v) {
  if (dtype == BF16) return __uint_as_float((u32)bf16_rn(v) << 16);
  return dtype == F16 ? half_to_float(half_rn(v)) : v;
}

// What a block of threads reads again and again, in shared memory.
struct Nf4Tables { float values[16], map[256]; };
DEVICE void fill(Nf4Tables& t, const Nf4Band& w) {
  for (int i = threadIdx.x; i < 256; i += blockDim.x) t.map[i] = signed_map.values[i];
  if (threadIdx.x < 16) t.values[threadIdx.x] = w.code == NF4 ? nf4_values[threadIdx.x] : fp4_values[threadIdx.x];
  __syncthreads();
}

// Where in a word of eight neighbours the code of the k-th starts.
DEVICE int file_shift(int k) { return k / 2 * 8 + (k % 2 ? 0 : 4); }
DEVICE int tile_shift(int k) { return k % 2 * 16 + k / 2 * 4; }

// A lane's 16 bytes of a tile: the words of columns col .. col + 7 in rows row .. row + 3.
struct TilePart { i64 row; int col; };
DEVICE TilePart tile_part(const Nf4Band& w, i64 tile, int lane) {
  const i64 across = w.cols / TILE_COLS, down = tile / across;
  return {down * TILE_ROWS + lane % 4 * 4, (int)(tile - down * across) * TILE_COLS + lane / 4 * 8};
}
DEVICE i64 tile_count(const Nf4Band& w) { return (w.rows + TILE_ROWS - 1) / TILE_ROWS * (w.cols / TILE_COLS); }
// Where the word of columns col .. col + 7 of a row lies, in words.
DEVICE i64 tile_word(const Nf4Band& w, i64 row, i64 col) {
  const i64 tile = row / TILE_ROWS * (w.cols / TILE_COLS) + col / TILE_COLS;
  return tile * 128 + col % TILE_COLS / 8 * TILE_ROWS + row % TILE_ROWS;
}
