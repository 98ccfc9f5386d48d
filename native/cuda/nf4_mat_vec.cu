// After nf4.cuh. y = x w^T (+ bias) (+ y) for up to 32 rows of x, bf16, and a weight in tiles, on tensor cores: it is read once, as it
// is. The values of codes are rounded to bf16 and multiplied as they are; sums of 64 columns are then multiplied by their scale. Rows
// of the weight are the rows of the products, tokens their columns.
//
// A warp has a strip of 32 rows, two tiles high, and a part of its columns. A lane (g, q) loads from each tile 16 bytes of columns
// 8 q .. 8 q + 7 and 16 of 32 columns further, of rows 4 g .. 4 g + 3: the halves of the rows of two products. Their k-th bytes stand
// for columns (0, 2), (4, 6), (1, 3), (5, 7) of eight: one register of a product, found in a table by one instruction for the address.
namespace {
constexpr int STRIP = 2 * TILE_ROWS, GROUP = 8;

// The two values of a byte, a copy for each lane, 256 bytes apart; between them room for the scales of a column of tiles.
struct Slot { u32 pair[32]; float scale[STRIP]; };
constexpr int SLOT = sizeof(Slot) / sizeof(float);

// How a strip is cut: sums depend on parts, and on nothing else.
struct Cut {
  int parts, part_tiles;  // of its columns; part_tiles is a multiple of 4, so that the last part may be shorter or empty
  int chunk_tiles;        // columns of tiles of each part for which there is room for x, twice: a multiple of TILES, or all
};

// For up to so many rows of x: warps of a block, and what each asks for before it needs it, as many as it has registers for.
template <int TOKENS> struct Shape {
  static constexpr int GROUPS = (TOKENS + GROUP - 1) / GROUP, WARPS = TOKENS > 16 ? 12 : TOKENS > 8 ? 16 : TOKENS > 1 ? 24 : 32;
  static constexpr int TILES = TOKENS > 8 && TOKENS <= 16 ? 4 : 2;  // columns of tiles
  static constexpr int SCALES = 4;                                  // of a row
};
static_assert(sizeof(Slot) == 256 && Shape<1>::WARPS * Shape<1>::SCALES <= 256, "a byte of codes and a lane make an address");
template <int TOKENS> struct Sums { float of[2][Shape<TOKENS>::GROUPS][4]; };

template <class F>
DEVICE void fill_pairs(Slot* table, F value) {
  for (u32 high = threadIdx.x / 32; high < 16; high += blockDim.x / 32) {
    float second = 0;
#pragma unroll
    for (u32 k = 0; k < 16; k++) second = k == high ? value(k) : second;
#pragma unroll
    for (u32 k = 0; k < 16; k++) table[high * 16 + k].pair[threadIdx.x % 32] = bf16x2_rn(value(k), second);
  }
}
DEVICE u32 pair(const Slot* table, u32 word, int k) {
  return *(const u32*)((const char*)table + __byte_perm(word, threadIdx.x % 32 * 4, 0x5504 | k << 4));
}
// Eight neighbours of x in the order of the bytes of a word of codes.
DEVICE uint4 in_order(uint4 x) {
  return make_uint4(__byte_perm(x.x, x.y, 0x5410), __byte_perm(x.z, x.w, 0x5410), __byte_perm(x.x, x.y, 0x7632),
                    __byte_perm(x.z, x.w, 0x7632));
}

// acc += 64 columns of 32 rows. x: the lane's eight neighbours of the first token, in shared memory.
template <int TOKENS>
DEVICE void multiply_tile(const uint4* codes, const uint4* x, const float* scales, Sums<TOKENS>& acc) {
  constexpr int GROUPS = Shape<TOKENS>::GROUPS;
  DYNAMIC_SHARED(Slot, table);
  const float4 four = *(const float4*)scales;
  const float scale[4] = {four.x, four.y, four.z, four.w};
  u32 a[2][4][4];
#pragma unroll
  for (int m = 0; m < 2; m++) {
#pragma unroll
    for (int k = 0; k < 16; k++) {
      const uint4 rows = codes[k / 8];
      a[m][k / 4][k % 4] = pair(table, k % 2 == 0 ? m == 0 ? rows.x : rows.z : m == 0 ? rows.y : rows.w, k % 8 / 2);
    }
  }
#pragma unroll
  for (int n = 0; n < GROUPS; n++) {
    float sum[2][4] = {};
#pragma unroll
    for (int h = 0; h < 2; h++) {
      uint4 eight = make_uint4(0, 0, 0, 0);
      if (TOKENS > 1 || threadIdx.x % 32 < 4) eight = x[h * TOKENS * 4 + n * GROUP * 4];  // of one token the others need none
      const uint4 b = in_order(eight);
      const u32 low[2] = {b.x, b.y}, high[2] = {b.z, b.w};
#pragma unroll
      for (int m = 0; m < 2; m++) {
        mma_m16n8k16_bf16(sum[m], a[m][2 * h], low);
        mma_m16n8k16_bf16(sum[m], a[m][2 * h + 1], high);
      }
    }
#pragma unroll
    for (int m = 0; m < 2; m++) {
#pragma unroll
      for (int k = 0; k < 4; k += TOKENS > 1 ? 1 : 2) acc.of[m][n][k] = __fmaf_rn(sum[m][k], scale[2 * m + k / 2], acc.of[m][n][k]);
    }
  }
}

// Scales of a row: codes of nested ones are asked for before they are needed, four in a word, where a block is a tile.
template <int COUNT> struct Scales {
  u32 block;  // of the part's first tile, if a block were a tile
  u32 codes[COUNT / 4];
  float nested[COUNT / 4];
};
DEVICE bool early(const Nf4Band& w) {
  return w.nested != nullptr && w.block_size == TILE_COLS && w.cols % (4 * TILE_COLS) == 0 && (u64)w.scales % 4 == 0;
}
template <int COUNT>
DEVICE void ask(Scales<COUNT>& s, const Nf4Band& w, int tile, int end) {
#pragma unroll
  for (int j = 0; j < COUNT / 4; j++) {
    const u32 block = s.block + tile + 4 * j;
    const bool is = early(w) && tile + 4 * j < end;
    s.codes[j] = is ? __ldg((const u32*)((const u8*)w.scales + block)) : 0;
    s.nested[j] = is ? __ldg(w.nested + block / NESTED_BLOCK) : 0;
  }
}
template <int COUNT>
DEVICE void decode(const Scales<COUNT>& s, const Nf4Band& w, const float* map, int tile, int end, float* to) {
  if (early(w)) {
    float scale[COUNT];
#pragma unroll
    for (int k = 0; k < COUNT; k++) scale[k] = __fadd_rn(__fmul_rn(map[s.codes[k / 4] >> k % 4 * 8 & 255], s.nested[k / 4]), w.offset);
#pragma unroll
    for (int k = 0; k < COUNT; k++) to[k * SLOT] = scale[k];
  } else {
    const u32 wide = w.block_size / TILE_COLS;
#pragma unroll 1
    for (int k = 0; k < COUNT && tile + k < end; k++) to[k * SLOT] = block_scale(w, map, (s.block + tile + k) / wide);
  }
}

// Copies x's columns of a chunk of every part: for each column of tiles twice 32 neighbours of all tokens.
template <int TOKENS>
DEVICE void ask_x(const Matrix& x, const Cut& cut, int chunk, uint4* to) {
  const int tiles = (int)(x.cols / TILE_COLS);
#pragma unroll 1
  for (int i = threadIdx.x; i < cut.parts * cut.chunk_tiles * 8 * TOKENS; i += (int)blockDim.x) {
    const int q = i % 4, token = i / 4 % TOKENS, half = i / 4 / TOKENS % 2, place = i / 8 / TOKENS;
    const int part = place / cut.chunk_tiles, in_part = chunk * cut.chunk_tiles + place % cut.chunk_tiles;
    const int tile = part * cut.part_tiles + in_part;
    if (in_part >= cut.part_tiles || tile >= tiles) continue;
    const bf16* from = row((bf16*)nullptr, x, token < x.rows ? token : x.rows - 1);
    cp_async_16(to + i, from + tile * TILE_COLS + half * 32 + q * EIGHT);
  }
  cp_async_commit();
}

// Of a block: all have as many, or one more.
DEVICE int first_strip(const Nf4Band& w, u32 block) {
  const u32 strips = (u32)((w.rows + STRIP - 1) / STRIP);
  block = (u32)opaque((int)block);
  return (int)(block * (strips / gridDim.x) + min(block, strips % gridDim.x));
}

// Adds the sums of parts in order and writes y: eight tokens at a time.
template <int TOKENS>
DEVICE void finish(const Sums<TOKENS>& acc, const Cut& cut, int strip, float* sums, const Nf4Band& w, const float* bias,
                   const Matrix& y, int add) {
  const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, q = threadIdx.x % 4;
  const int end = first_strip(w, blockIdx.x + 1);
  float(*of)[GROUP][STRIP] = (float(*)[GROUP][STRIP])sums;
#pragma unroll
  for (int n = 0; n < Shape<TOKENS>::GROUPS; n++) {
    __syncthreads();
#pragma unroll
    for (int k = 0; k < 2; k++) {
      *(float4*)&of[warp][2 * q + k][4 * g] = make_float4(acc.of[0][n][k], acc.of[0][n][2 + k], acc.of[1][n][k], acc.of[1][n][2 + k]);
    }
    __syncthreads();
#pragma unroll 1
    for (int i = threadIdx.x; i < (int)blockDim.x / 32 / cut.parts * GROUP * STRIP; i += (int)blockDim.x) {
      const int r = i % STRIP, token = i / STRIP % GROUP, s = i / STRIP / GROUP;
      const i64 out = (i64)(strip + s) * STRIP + r, to_token = n * GROUP + token;
      if (strip + s >= end || out >= w.rows || to_token >= y.rows) continue;
      float sum = 0;
#pragma unroll 2
      for (int p = 0; p < cut.parts; p++) sum += of[s * cut.parts + p][token][r];
      if (bias != nullptr) sum += bias[out];
      with_compute_type(y.dtype, [&](auto* ty) {
        auto* to = row(ty, y, to_token) + out;
        store(to, add ? sum + load(to) : sum);
      });
    }
  }
}

// A block has its share of the strips, as many at a time as it has warps for.
template <int TOKENS>
DEVICE void mat_vec(const Matrix& x, const Nf4Band& w, const float* bias, const Matrix& y, int add, const Cut& cut) {
  constexpr int DEPTH = Shape<TOKENS>::TILES, SCALED = Shape<TOKENS>::SCALES;
  DYNAMIC_SHARED(Slot, table);
  __shared__ float map[256];
  uint4* staged = (uint4*)(table + 256);
  const int tiles = (int)(w.cols / TILE_COLS), chunk = cut.parts * cut.chunk_tiles * TOKENS * 8;
  for (int first = first_strip(w, blockIdx.x); first < first_strip(w, blockIdx.x + 1); first += Shape<TOKENS>::WARPS / cut.parts) {
    const int thread = opaque((int)threadIdx.x), lane = thread % 32, warp = thread / 32, g = lane / 4, q = lane % 4;
    const int part = warp % cut.parts, first_tile = part * cut.part_tiles, strip = first + warp / cut.parts;
    const int down = min(2 * strip + g / 4, (int)((w.rows + TILE_ROWS - 1) / TILE_ROWS) - 1);
    const int mine = strip < first_strip(w, blockIdx.x + 1) ? max(0, min(cut.part_tiles, tiles - first_tile)) : 0;
    const uint4* codes = (const uint4*)w.codes + ((i64)down * tiles + first_tile) * 32 + q * 4 + g % 4;
    const float mapped = threadIdx.x < 256 ? __ldg(&signed_map.values[threadIdx.x]) : 0;
    uint4 ring[DEPTH][2];
#pragma unroll
    for (int d = 0; d < DEPTH; d++) {
      if (d < mine) ring[d][0] = __ldcs(codes + d * 32), ring[d][1] = __ldcs(codes + d * 32 + 16);
    }
    codes += DEPTH * 32;
    Scales<SCALED> scales;
    scales.block = (u32)min((i64)strip * STRIP + lane, w.rows - 1) * tiles + first_tile;
    ask(scales, w, 0, mine);
    ask_x<TOKENS>(x, cut, 0, staged);
    if (w.code == NF4) fill_pairs(table, [](u32 k) { return nf4_values[k]; });
    else fill_pairs(table, [](u32 k) { return fp4_values[k]; });
    if (threadIdx.x < 256) map[threadIdx.x] = mapped;
    Sums<TOKENS> acc = {};
    for (int c = 0, i = 0; c * cut.chunk_tiles < cut.part_tiles; c++) {
      cp_async_wait<0>();
      __syncthreads();
      if ((c + 1) * cut.chunk_tiles < cut.part_tiles) ask_x<TOKENS>(x, cut, c + 1, staged + (c + 1) % 2 * chunk);
      const uint4* here = staged + c % 2 * chunk + part * cut.chunk_tiles * TOKENS * 8 + (TOKENS == 1 ? q : lane);
      for (const int last = min((c + 1) * cut.chunk_tiles, mine); i < last; i += DEPTH) {
        if (i % SCALED == 0) {
          __syncwarp();
          decode(scales, w, map, i, mine, table[warp * SCALED].scale + lane);
          __syncwarp();
          ask(scales, w, i + SCALED, mine);
        }
#pragma unroll
        for (int d = 0; d < DEPTH; d++) {
          if (i + d >= last) break;
          multiply_tile<TOKENS>(ring[d], here + d * TOKENS * 8, table[warp * SCALED + (i & (SCALED - 1)) + d].scale + 4 * g, acc);
          if (i + d + DEPTH < mine) ring[d][0] = __ldcs(codes + d * 32), ring[d][1] = __ldcs(codes + d * 32 + 16);
        }
        here += DEPTH * TOKENS * 8;
        codes += DEPTH * 32;
      }
    }
    finish<TOKENS>(acc, cut, first, (float*)staged, w, bias, y, add);
    __syncthreads();
  }
}
}  // namespace

extern "C" __global__ void __launch_bounds__(1024) nf4_mat_vec_1(Matrix x, Nf4Band w, const float* bias, Matrix y, int add, int parts,
                                                                   int part_tiles, int chunk_tiles) {
  mat_vec<1>(x, w, bias, y, add, {parts, part_tiles, chunk_tiles});
}
extern "C" __global__ void __launch_bounds__(768) nf4_mat_vec_8(Matrix x, Nf4Band w, const float* bias, Matrix y, int add, int parts,
                                                                   int part_tiles, int chunk_tiles) {
  mat_vec<8>(x, w, bias, y, add, {parts, part_tiles, chunk_tiles});
}
extern "C" __global__ void __launch_bounds__(512) nf4_mat_vec_16(Matrix x, Nf4Band w, const float* bias, Matrix y, int add, int parts,
                                                                   int part_tiles, int chunk_tiles) {
  mat_vec<16>(x, w, bias, y, add, {parts, part_tiles, chunk_tiles});
}
extern "C" __global__ void __launch_bounds__(384) nf4_mat_vec_32(Matrix x, Nf4Band w, const float* bias, Matrix y, int add, int parts,
                                                                   int part_tiles, int chunk_tiles) {
  mat_vec<32>(x, w, bias, y, add, {parts, part_tiles, chunk_tiles});
}
