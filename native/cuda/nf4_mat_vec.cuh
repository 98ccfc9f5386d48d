// After functions.cuh, nf4.cuh. y = x w^T (+ bias) (+ residual), or f(gate) * up of its halves, for up to 32 rows of x, bf16, and a weight of bands in tiles, on tensor cores: it is read once, as it is.
// The values of codes are rounded to bf16 and multiplied as they are; sums of 64 columns are then multiplied by their scale. Rows of
// the weight are the rows of the products, tokens their columns.
//
// A warp has a strip of 32 rows, two tiles high, and a part of its columns: SPAN tiles of each stretch that the parts share, so that
// the warps of a strip read neighbours at the same time. A lane (g, q) loads from each tile 16 bytes of columns 8 q .. 8 q + 7 and 16
// of 32 columns further, of rows 4 g .. 4 g + 3: the halves of the rows of two products. Their k-th bytes stand for columns (0, 2),
// (4, 6), (1, 3), (5, 7) of eight: one register of a product, found in a table by one instruction for the address.

// The bands of a weight, or some of them; as in io.gatun.kernels.cuda.CudaLaunch.
struct Nf4Bands {
  Nf4Band band[4];
  int first[4];  // row of the weight
  int end[4];    // strips down to the end of the band; behind the last all
  int strips;    // of all bands
  int paired;    // whether the two bands are gate and up: a strip has a tile of either
};

namespace {
constexpr int STRIP = 2 * TILE_ROWS, GROUP = 8;
constexpr int SPAN = 4;  // columns of tiles, whose scales are decoded together

// The two values of a byte, a copy for each lane, 256 bytes apart; between them room for the scales of a column of tiles.
struct Slot { u32 pair[32]; float scale[STRIP]; };
constexpr int SLOT = sizeof(Slot) / sizeof(float);

// How a strip is cut: sums depend on parts, and on nothing else.
struct Cut {
  int parts;  // of its columns
  int chunk;  // columns of tiles for which there is room for x, twice: a multiple of SPAN * parts, or all, once
};

// For up to so many rows of x: warps of a block, and columns of tiles that each asks for before it needs them.
template <int TOKENS> struct Shape {
  static constexpr int GROUPS = (TOKENS + GROUP - 1) / GROUP, WARPS = TOKENS > 16 ? 12 : 16;
  static constexpr int AHEAD = TOKENS > 16 ? 2 : 4;
};
static_assert(sizeof(Slot) == 256 && Shape<1>::WARPS * SPAN <= 256, "a byte of codes and a lane make an address");
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

// The tile of a strip that a lane has to do with, and the row whose scales it decodes.
struct Half { int band, row; };  // the tile's first row in the band
DEVICE Half half_of(const Nf4Bands& w, int strip, int half) {
  if (w.paired) return {half, strip * TILE_ROWS};
  const int b = (strip >= w.end[0]) + (strip >= w.end[1]) + (strip >= w.end[2]);
  return {b, (strip - (b > 0 ? w.end[b - 1] : 0)) * STRIP + half * TILE_ROWS};
}

// Scales of a row: codes of nested ones are asked for before they are needed, four in a word, where a block is a tile.
struct Scales {
  u32 block;  // of the row's first tile, if a block were a tile
  u32 codes;
  float nested;
};
DEVICE bool early(const Nf4Band& w) {
  return w.nested != nullptr && w.block_size == TILE_COLS && w.cols % (SPAN * TILE_COLS) == 0 && (u64)w.scales % SPAN == 0;
}
DEVICE void ask(Scales& s, const Nf4Band& w, int tile, int end) {
  const bool is = early(w) && tile < end;
  s.codes = is ? __ldg((const u32*)((const u8*)w.scales + s.block + tile)) : 0;
  s.nested = is ? __ldg(w.nested + (s.block + tile) / NESTED_BLOCK) : 0;
}
DEVICE void decode(const Scales& s, const Nf4Band& w, const float* map, int tile, int end, float* to) {
  if (early(w)) {
#pragma unroll
    for (int k = 0; k < SPAN; k++) to[k * SLOT] = __fadd_rn(__fmul_rn(map[s.codes >> k * 8 & 255], s.nested), w.offset);
  } else {
    const u32 wide = w.block_size / TILE_COLS;
#pragma unroll 1
    for (int k = 0; k < SPAN && tile + k < end; k++) to[k * SLOT] = block_scale(w, map, (s.block + tile + k) / wide);
  }
}

// Copies x's columns of a chunk: for each column of tiles twice 32 neighbours of all tokens.
template <int TOKENS>
DEVICE void ask_x(const Matrix& x, const Cut& cut, int chunk, uint4* to) {
  const int first = chunk * cut.chunk, tiles = min(cut.chunk, (int)(x.cols / TILE_COLS) - first);
#pragma unroll 1
  for (int i = threadIdx.x; i < tiles * 8 * TOKENS; i += (int)blockDim.x) {
    const int q = i % 4, token = i / 4 % TOKENS, half = i / 4 / TOKENS % 2, tile = first + i / 8 / TOKENS;
    const bf16* from = row((bf16*)nullptr, x, token < x.rows ? token : x.rows - 1);
    cp_async_16(to + i, from + tile * TILE_COLS + half * 32 + q * EIGHT);
  }
  cp_async_commit();
}

// The strips of a block: all have as many, or one more.
struct Share { int first, end; };
DEVICE Share share_of(const Nf4Bands& w) {
  const u32 strips = (u32)w.strips, each = strips / gridDim.x, more = strips - each * gridDim.x, block = blockIdx.x;
  const u32 first = block * each + min(block, more);
  return {(int)first, (int)(first + each + (block < more))};
}

// What a product goes into. activation: of a gate, or -1; residual: what is added, if anything, of the type of y.
struct Target {
  const float* bias;
  const Matrix& residual;
  int add, activation;
  const Matrix& y;
};

// Adds the sums of parts in order and writes y: eight tokens at a time.
template <int TOKENS>
DEVICE void finish(const Sums<TOKENS>& acc, const Cut& cut, int strip, int end, float* sums, const Nf4Bands& w, const Target& to) {
  const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, q = threadIdx.x % 4, high = w.paired ? TILE_ROWS : STRIP;
  const int strips = min(end - strip, (int)blockDim.x / 32 / cut.parts);
  float(*of)[GROUP][STRIP] = (float(*)[GROUP][STRIP])sums;
#pragma unroll
  for (int n = 0; n < Shape<TOKENS>::GROUPS; n++) {
    __syncthreads();
#pragma unroll
    for (int k = 0; k < (TOKENS > 1 ? 2 : 1); k++) {
      if (TOKENS == 1 && q > 0) continue;
      *(float4*)&of[warp][2 * q + k][4 * g] = make_float4(acc.of[0][n][k], acc.of[0][n][2 + k], acc.of[1][n][k], acc.of[1][n][2 + k]);
    }
    __syncthreads();
    const int tokens = min(GROUP, (int)to.y.rows - n * GROUP);
#pragma unroll 1
    for (int i = threadIdx.x; i < strips * tokens * high; i += (int)blockDim.x) {
      const int r = i % high, s = i / high % strips, token = i / high / strips;
      const Half half = half_of(w, strip + s, r / TILE_ROWS);
      const int in_band = half.row + r % TILE_ROWS, out = w.first[half.band] + in_band;
      if (in_band >= w.band[half.band].rows) continue;
      const auto total = [&](int row, int col) {
        float sum = 0;
#pragma unroll 2
        for (int p = 0; p < cut.parts; p++) sum += of[s * cut.parts + p][token][row];
        return to.bias == nullptr ? sum : sum + to.bias[col];
      };
      float v = total(r, out);
      if (w.paired) with_activation(to.activation, [&](auto f) { v = f.value(v) * total(r + TILE_ROWS, out + w.first[1]); });
      with_compute_type(to.y.dtype, [&](auto* type) {
        const i64 at = n * GROUP + token;
        store(row(type, to.y, at) + out, to.add ? v + load(row(type, to.residual, at) + out) : v);
      });
    }
  }
}

// What is added to a product: nothing.
struct Plain {
  template <int TOKENS>
  DEVICE void add(Sums<TOKENS>&, int, int) {}
  DEVICE void ask(int, int) {}
};

// A block has its share of the strips, as many at a time as it has warps for. L: what it adds to the sums, and asks for before.
template <int TOKENS, class L>
DEVICE void mat_vec(const Matrix& x, const Nf4Bands& bands, const Cut& cut, L low, const Target& to) {
  constexpr int AHEAD = Shape<TOKENS>::AHEAD;
  DYNAMIC_SHARED(Slot, table);
  __shared__ float map[256];
  uint4* staged = (uint4*)(table + 256);
  const int tiles = (int)(x.cols / TILE_COLS), room = cut.chunk * TOKENS * 8, step = cut.parts * SPAN;
  const Share share = share_of(bands);
  for (int first = share.first, end = share.end; first < end; first += Shape<TOKENS>::WARPS / cut.parts) {
    const int thread = opaque((int)threadIdx.x), lane = thread % 32, warp = thread / 32, g = lane / 4, q = lane % 4;
    const int slot = warp / cut.parts, part = warp - slot * cut.parts, strip = first + slot, mine = strip < end ? tiles : 0;
    const Half half = half_of(bands, min(strip, end - 1), lane / 16);
    const Nf4Band& w = bands.band[half.band];
    const int rows = (int)w.rows, down = min(half.row, rows - 1) / TILE_ROWS;
    int tile = part * SPAN;
    const uint4* codes = (const uint4*)w.codes + ((i64)down * tiles + tile) * 32 + q * 4 + g % 4;
    const float mapped = threadIdx.x < 256 ? __ldg(&signed_map.values[threadIdx.x]) : 0;
    uint4 ring[AHEAD][2];
    const auto fetch = [&](int d, int at, const uint4* from) {
      if (at < mine) ring[d][0] = __ldcs(from), ring[d][1] = __ldcs(from + 16);
    };
#pragma unroll
    for (int d = 0; d < AHEAD; d++) fetch(d, tile + d, codes + d * 32);
    Scales scales;
    scales.block = (u32)min(half.row + lane % TILE_ROWS, rows - 1) * tiles;
    ask(scales, w, tile, mine);
    low.ask(first, end);
    if (w.code == NF4) fill_pairs(table, [](u32 k) { return nf4_values[k]; });
    else fill_pairs(table, [](u32 k) { return fp4_values[k]; });
    if (threadIdx.x < 256) map[threadIdx.x] = mapped;
    wait_for_launch_before();  // the weight is there
    let_next_launch_begin();
    ask_x<TOKENS>(x, cut, 0, staged);
    Sums<TOKENS> acc = {};
    for (int c = 0; c * cut.chunk < tiles; c++) {
      cp_async_wait<0>();
      __syncthreads();
      if ((c + 1) * cut.chunk < tiles) ask_x<TOKENS>(x, cut, c + 1, staged + (c + 1) % 2 * room);
      const uint4* chunk = staged + c % 2 * room + (TOKENS == 1 ? q : lane);
      for (; tile < min((c + 1) * cut.chunk, mine); tile += step, codes += step * 32) {
        __syncwarp();
        decode(scales, w, map, tile, mine, table[warp * SPAN].scale + lane);
        __syncwarp();
        ask(scales, w, tile + step, mine);
        const uint4* here = chunk + (tile - c * cut.chunk) * TOKENS * 8;
#pragma unroll
        for (int d = 0; d < SPAN; d++) {
          if (tile + d >= mine) break;
          multiply_tile<TOKENS>(ring[d % AHEAD], here + d * TOKENS * 8, table[warp * SPAN + d].scale + 4 * g, acc);
          const int next = d + AHEAD < SPAN ? d + AHEAD : d + AHEAD - SPAN + step;
          fetch(d % AHEAD, tile + next, codes + next * 32);
        }
      }
    }
    low.add(acc, first, end);
    finish<TOKENS>(acc, cut, first, end, (float*)staged, bands, to);
    __syncthreads();
  }
}
}  // namespace
