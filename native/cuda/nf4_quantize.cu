// After nf4.cuh. Quantization to 4 bits, and of the scales to 8. Every product and difference is rounded by itself: bits are promised.

namespace {
constexpr u32 ALL = 0xffffffff;
// bitsandbytes' guard of the divisor.
constexpr float SMALLEST = 1e-38f;
DEVICE float inverse_of(float most) { return __fdiv_rn(1, most < SMALLEST ? SMALLEST : most); }

// A code is the number of thresholds strictly below: midpoints of the values, or bitsandbytes' literals for FP4's magnitudes.
struct Thresholds {
  float at[15];
  int code;

  __device__ explicit Thresholds(int code) : code(code) {
    const float fp4[7] = {0.00260417f, 0.0859375f, 0.20833333f, 0.29166667f, 0.4166667f, 0.583333f, 0.8333333f};
#pragma unroll
    for (int i = 0; i < 15; i++) at[i] = code == NF4 ? (nf4_values[i] + nf4_values[i + 1]) / 2 : i < 7 ? fp4[i] : OUT_OF_REACH;
  }
  __device__ u32 of(float v) const {
    const float size = code == NF4 ? v : v < 0 ? -v : v;
    u32 below = 0;
#pragma unroll
    for (int i = 0; i < 15; i++) below += at[i] < size;
    return code == NF4 ? below : (0x32547610 >> 4 * below & 7) | (v < 0 ? 8 : 0);
  }
  // Stands after an odd number of elements.
  __device__ u32 of_zero() const { return code == NF4 ? 7 : 0; }

  static constexpr float OUT_OF_REACH = 2;  // for what was divided by the largest magnitude
};

// The largest magnitude of a warp's block, or its first NaN.
DEVICE float largest_magnitude(const float* x, int count) {
  const int lane = threadIdx.x % 32;
  float most = 0;
  int odd = count;
  for (int i = lane; i < count; i += 32) {
    const float size = x[i] < 0 ? -x[i] : x[i];
    if (size > most) most = size;
    if (size != size && odd == count) odd = i;
  }
#pragma unroll
  for (int step = 16; step > 0; step /= 2) {
    most = max(most, __shfl_xor_sync(ALL, most, step));
    odd = min(odd, __shfl_xor_sync(ALL, odd, step));
  }
  return odd < count ? x[odd] : most;
}

// Two codes of a lane to their places: a byte in file order, in tiles a word together with three other lanes.
DEVICE void place(const Nf4Band& out, i64 element, u32 first, u32 second, bool there) {
  if (!out.tiled) {
    if (there) ((u8*)out.codes)[element / 2] = (u8)(first << 4 | second);
    return;
  }
  const int pair = threadIdx.x % 4;
  u32 word = first << 4 * pair | second << (16 + 4 * pair);
  word |= __shfl_xor_sync(ALL, word, 1);
  word |= __shfl_xor_sync(ALL, word, 2);
  if (there && pair == 0) {
    const i64 r = element / out.cols;
    ((u32*)out.codes)[tile_word(out, r, element - r * out.cols)] = word;
  }
}

DEVICE void quantize(const float* x, const Nf4Band& out, const Thresholds& thresholds, i64 block, float* absmax) {
  const i64 first = block * out.block_size, left = out.rows * out.cols - first;
  const int count = (int)(left < out.block_size ? left : out.block_size);
  const float most = largest_magnitude(x + first, count), inverse = inverse_of(most);
  if (threadIdx.x % 32 == 0) absmax[block] = most;
  for (int base = 0; base < count; base += 64) {
    const int i = base + threadIdx.x % 32 * 2;
    const u32 a = i < count ? thresholds.of(__fmul_rn(x[first + i], inverse)) : 0;
    const u32 b = i + 1 < count ? thresholds.of(__fmul_rn(x[first + i + 1], inverse)) : thresholds.of_zero();
    place(out, first + i, a, b, i < count);
  }
}

// The nearest entry of the map, the lower one at equal distance: the number of midpoints strictly below.
DEVICE u8 nearest_code(float v) {
  int low = 0, high = 255;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (signed_map.midpoints[middle] < v) low = middle + 1;
    else high = middle;
  }
  return (u8)low;
}
// Of 65536 equidistant numbers in [-1, 1].
DEVICE float nearest_bin(float v) {
  const float place = __fadd_rn(__fmul_rn(__fmul_rn(__fadd_rn(v, 1), 0.5f), 65535), 0.5f);
  return (float)((int)place / 65535.0 * 2 - 1);
}
}  // namespace

// Codes of out and absmax, a warp a block.
extern "C" __global__ void __launch_bounds__(256) nf4_quantize(Matrix x, Nf4Band out, float* absmax) {
  const int warps = blockDim.x / 32;
  const i64 blocks = (out.rows * out.cols + out.block_size - 1) / out.block_size;
  const Thresholds thresholds(out.code);
  for (i64 block = (i64)blockIdx.x * warps + threadIdx.x / 32; block < blocks; block += (i64)gridDim.x * warps) {
    quantize((const float*)x.data, out, thresholds, block, absmax);
  }
}

// mean[0] = the mean of absmax, added in the order in which torch adds a contiguous array on a CPU: rows of 32 side by side (four
// vectors of eight), in up to four levels, each of which takes over the one below after a power of two of additions. One warp.
extern "C" __global__ void __launch_bounds__(32) nf4_mean_scale(const float* absmax, i64 count, float* mean) {
  const int lane = threadIdx.x;
  const i64 vectors = count / 8, rows = vectors / 4;
  int log = 0;
  while (1LL << log < rows) log++;
  const int power = max(4, log / 4);
  const i64 step = 1LL << power;
  float level[4] = {};
  i64 i = 0;
  for (; i + step <= rows;) {
    for (const i64 end = i + step; i < end; i++) level[0] += absmax[i * 32 + lane];
#pragma unroll
    for (int j = 1; j < 4; j++) {
      if (j > 1 && (i & (step - 1) << (j - 1) * power)) break;
      level[j] += level[j - 1];
      level[j - 1] = 0;
    }
  }
  for (; i < rows; i++) level[0] += absmax[i * 32 + lane];
#pragma unroll
  for (int j = 1; j < 4; j++) level[0] += level[j];
  for (i64 v = rows * 4; v < vectors; v++) {
    if (lane < 8) level[0] += absmax[v * 8 + lane];
  }
  float total = level[0], sum = 0;
#pragma unroll
  for (int w = 1; w < 4; w++) total += __shfl_sync(ALL, level[0], lane % 8 + 8 * w);
  for (i64 k = vectors * 8; k < count; k++) sum += absmax[k];
  for (int l = 0; l < 8; l++) sum += __shfl_sync(ALL, total, l);
  if (lane == 0) mean[0] = __fdiv_rn(sum, (float)count);
}

// Codes and scales of absmax - mean[0], a block of threads for each 256.
extern "C" __global__ void __launch_bounds__(256) nf4_nest_scales(Nf4Band out, const float* absmax, i64 count,
                                                                      const float* mean, int binned, float* nested) {
  __shared__ float centred[NESTED_BLOCK];
  __shared__ float most;
  for (i64 group = blockIdx.x; group * NESTED_BLOCK < count; group += gridDim.x) {
    const i64 i = group * NESTED_BLOCK + threadIdx.x;
    const int n = (int)(count - group * NESTED_BLOCK < NESTED_BLOCK ? count - group * NESTED_BLOCK : NESTED_BLOCK);
    if (i < count) centred[threadIdx.x] = __fsub_rn(absmax[i], mean[0]);
    __syncthreads();
    if (threadIdx.x == 0) {
      float largest = 0;
      for (int k = 0; k < n; k++) {
        const float size = centred[k] < 0 ? -centred[k] : centred[k];
        if (!(size <= largest)) largest = size;
      }
      nested[group] = most = largest;
    }
    __syncthreads();
    if (i < count) {
      const float v = __fmul_rn(centred[threadIdx.x], inverse_of(most));
      ((u8*)out.scales)[i] = nearest_code(binned && v == v ? nearest_bin(v) : v);
    }
    __syncthreads();
  }
}
