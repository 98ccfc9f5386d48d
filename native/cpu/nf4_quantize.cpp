// Quantization to 4 bits, and of the scales to 8. Every product and difference below is rounded by itself: bits are promised.
#include "nf4.h"
#include "pool.h"

namespace {
using namespace gatun;

// bitsandbytes' guard of the divisor.
constexpr float kSmallest = 1e-38f;
constexpr int kLargestBlock = 4096;

// Midpoints of neighbouring values: a code is the number of thresholds strictly below.
struct Nf4Thresholds {
  float values[15] = {};
  constexpr Nf4Thresholds() {
    for (int i = 0; i < 15; i++) values[i] = (kNf4[i] + kNf4[i + 1]) / 2;
  }
};
constexpr Nf4Thresholds kNf4Thresholds;

// Of magnitudes; the last digits are those of bitsandbytes' literals, not of exact midpoints.
constexpr float kFp4Thresholds[7] = {0.00260417f, 0.0859375f, 0.20833333f, 0.29166667f, 0.4166667f, 0.583333f, 0.8333333f};
constexpr uint8_t kFp4Magnitudes[8] = {0, 1, 6, 7, 4, 5, 2, 3};

float largest_magnitude(const float* x, int64_t count) {
  vf most = set(0), nans = set(0);
  int64_t i = 0;
  for (; i + W <= count; i += W) {
    const vf v = load(x + i);
    most = max(abs(v), most);
    nans = nans + v * set(0);
  }
  if (i < count) {
    const vf v = load(x + i, (int)(count - i));
    most = max(abs(v), most);
    nans = nans + v * set(0);
  }
  // 0 * x is 0 for every finite x: a NaN or an infinity shows, and only a NaN may replace the maximum.
  const float result = largest(most), odd = sum(nans);
  if (odd == odd) return result;
  for (int64_t k = 0; k < count; k++) {
    if (x[k] != x[k]) return x[k];
  }
  return result;
}

void choose_codes(const float* x, int64_t count, float inverse, int32_t code, uint8_t* out) {
  alignas(64) float chosen[W];
  const vf one = set(1), zero = set(0), scale = set(inverse);
  for (int64_t i = 0; i < count; i += W) {
    const int n = (int)std::min<int64_t>(W, count - i);
    const vf v = (n == W ? load(x + i) : load(x + i, n)) * scale;
    vf below = zero;
    if (code == GATUN_NF4) {
      for (float t : kNf4Thresholds.values) below = below + select(less(set(t), v), one, zero);
    } else {
      const vf magnitude = abs(v);
      for (float t : kFp4Thresholds) below = below + select(less(set(t), magnitude), one, zero);
      below = below + select(less(v, zero), set(8), zero);
    }
    store(chosen, below);
    for (int k = 0; k < n; k++) {
      const int c = (int)chosen[k];
      out[i + k] = code == GATUN_NF4 ? (uint8_t)c : (uint8_t)(kFp4Magnitudes[c & 7] | (c & 8));
    }
  }
}

// Codes of elements first .. first + count - 1, in row order, to their places; first is even.
void place_codes(const gatun_nf4_band* out, int64_t first, int64_t count, const uint8_t* codes) {
  uint8_t* bytes = static_cast<uint8_t*>(out->codes);
  if (!out->tiled) {
    const uint8_t filler = out->code == GATUN_NF4 ? 7 : 0;  // the code of zero, after an odd number of elements
    for (int64_t i = 0; i < count; i += 2) {
      bytes[(first + i) / 2] = (uint8_t)(codes[i] << 4 | (i + 1 < count ? codes[i + 1] : filler));
    }
    return;
  }
  for (int64_t i = 0; i < count; i += 8) {
    uint32_t word = 0;
    for (int k = 0; k < 8; k++) word |= (uint32_t)codes[i + k] << (k % 2 * 16 + k / 2 * 4);
    store_word(bytes + word_offset(out, (first + i) / out->cols, (first + i) % out->cols), word);
  }
}

void quantize_block(const float* x, const gatun_nf4_band* out, int64_t block, float* scales) {
  const int64_t first = block * out->block_size;
  const int64_t count = std::min<int64_t>(out->block_size, out->rows * out->cols - first);
  uint8_t codes[kLargestBlock];
  scales[block] = largest_magnitude(x + first, count);
  choose_codes(x + first, count, 1 / std::max(scales[block], kSmallest), out->code, codes);
  place_codes(out, first, count, codes);
}

// The order in which torch adds the elements of a contiguous array on a CPU: vectors of 8, four of them side by side, summed in
// up to four levels, each of which takes over the one below after a power of two of additions.
struct CascadeSum {
  static constexpr int kLanes = 8, kWays = 4, kLevels = 4;
  float level[kLevels][kWays][kLanes] = {};

  void carry(int64_t done, int64_t mask, int power) {
    for (int j = 1; j < kLevels; j++) {
      for (int w = 0; w < kWays; w++) {
        for (int l = 0; l < kLanes; l++) {
          level[j][w][l] += level[j - 1][w][l];
          level[j - 1][w][l] = 0;
        }
      }
      if (done & (mask << (j * power))) return;
    }
  }

  void add_row(const float* x) {
    for (int w = 0; w < kWays; w++) {
      for (int l = 0; l < kLanes; l++) level[0][w][l] += x[w * kLanes + l];
    }
  }

  float run(const float* x, int64_t count) {
    const int64_t vectors = count / kLanes, rows = vectors / kWays;
    int log = 0;
    while ((int64_t{1} << log) < rows) log++;
    const int power = std::max(4, log / kLevels);
    const int64_t step = int64_t{1} << power;
    int64_t i = 0;
    while (i + step <= rows) {
      for (int64_t end = i + step; i < end; i++) add_row(x + i * kWays * kLanes);
      carry(i, step - 1, power);
    }
    for (; i < rows; i++) add_row(x + i * kWays * kLanes);
    auto& total = level[0];
    for (int j = 1; j < kLevels; j++) {
      for (int w = 0; w < kWays; w++) {
        for (int l = 0; l < kLanes; l++) total[w][l] += level[j][w][l];
      }
    }
    for (int64_t v = rows * kWays; v < vectors; v++) {
      for (int l = 0; l < kLanes; l++) total[0][l] += x[v * kLanes + l];
    }
    for (int w = 1; w < kWays; w++) {
      for (int l = 0; l < kLanes; l++) total[0][l] += total[w][l];
    }
    float sum = 0;
    for (int64_t k = vectors * kLanes; k < count; k++) sum += x[k];
    for (int l = 0; l < kLanes; l++) sum += total[0][l];
    return sum;
  }
};

// The number of midpoints strictly below v.
uint8_t nearest_code(float v) {
  int low = 0, high = 255;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (kSignedMap.midpoints[middle] < v) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return (uint8_t)low;
}

float nearest_bin(float v) {
  const float place = (v + 1) * 0.5f * 65535 + 0.5f;
  return (float)((int)place / 65535.0 * 2 - 1);
}

void nest_scales(const gatun_nf4_band* out, int64_t group, const float* scales, int64_t blocks, float offset, bool binned) {
  uint8_t* codes = static_cast<uint8_t*>(out->scales);
  const int64_t first = group * kNestedBlock, end = std::min<int64_t>(first + kNestedBlock, blocks);
  float most = 0;
  for (int64_t i = first; i < end; i++) {
    const float magnitude = std::fabs(scales[i] - offset);
    if (!(magnitude <= most)) most = magnitude;
  }
  out->nested[group] = most;
  const float inverse = 1 / std::max(most, kSmallest);
  for (int64_t i = first; i < end; i++) {
    const float centred = scales[i] - offset, v = centred * inverse;
    codes[i] = nearest_code(binned && v == v ? nearest_bin(v) : v);
  }
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_nf4_quantize(const gatun_context* context, const gatun_matrix* x,
                                                   const gatun_nf4_band* out, const gatun_matrix* absmax, int32_t binned,
                                                   double* offset) {
  if (x->dtype != GATUN_F32 || x->rows != out->rows || x->cols != out->cols) return GATUN_BAD_ARGUMENT;
  if (out->block_size < 2 || out->block_size > kLargestBlock || out->block_size % 2) return GATUN_BAD_ARGUMENT;
  const int64_t blocks = (x->rows * x->cols + out->block_size - 1) / out->block_size;
  if (absmax->dtype != GATUN_F32 || absmax->cols != blocks) return GATUN_BAD_ARGUMENT;
  *offset = 0;
  if (blocks == 0) return GATUN_OK;
  const float* from = static_cast<const float*>(x->data);
  float* scales = static_cast<float*>(absmax->data);
  parallel_range(context, blocks, std::max<int64_t>(1, 8192 / out->block_size), [&](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; block++) quantize_block(from, out, block, scales);
  });
  if (out->nested == nullptr) return GATUN_OK;
  const float mean = CascadeSum().run(scales, blocks) / (float)blocks;
  const int64_t groups = (blocks + kNestedBlock - 1) / kNestedBlock;
  parallel_range(context, groups, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t group = begin; group < end; group++) nest_scales(out, group, scales, blocks, mean, binned != 0);
  });
  *offset = mean;
  return GATUN_OK;
}
