// Inverted dropout with counter-based masks.
#include "elementwise.h"
#include "philox.h"

namespace {
using namespace gatun;

constexpr int kBlock = 4 * kPhiloxCounters;  // features drawn at once

struct mask {
  uint64_t seed;
  uint32_t step, purpose;
  uint32_t threshold;  // a feature is kept when the upper 24 bits of its word reach this
  float scale;         // 1 / (1 - p)

  // factor[f] = scale where feature first + f of the token is kept, else 0.
  void draw(uint32_t token, int64_t first, float factor[kBlock]) const {
    uint32_t words[kBlock];
    philox(seed, (uint32_t)(first / 4), token, step, purpose, words);
    for (int f = 0; f < kBlock; f++) factor[f] = (words[f] >> 8) >= threshold ? scale : 0.0f;
  }
};

// A dropped NaN or infinity becomes zero as well.
template <bool kAdd, class T>
void drop(const T* x, T* y, const mask& m, uint32_t token, int64_t count) {
  float factor[kBlock];
  const vf zero = set(0.0f);
  for (int64_t first = 0; first < count; first += kBlock) {
    m.draw(token, first, factor);
    each_vector(std::min<int64_t>(kBlock, count - first), [&](int64_t i, auto n) {
      const vf f = load(factor + i, n);
      vf v = select(less(zero, f), load(x + first + i, n) * f, zero);
      if (kAdd) v = v + load(y + first + i, n);
      store(y + first + i, v, n);
    });
  }
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_dropout(const gatun_context* context, const gatun_matrix* x, int64_t seed,
                                              int32_t step, int32_t purpose, const gatun_matrix* token_index, double p,
                                              const gatun_matrix* y, int32_t add) {
  if (!same_shape(x, y) || x->dtype != y->dtype || token_index->dtype != GATUN_I32 || token_index->rows != x->rows ||
      !(p >= 0 && p < 1))
    return GATUN_BAD_ARGUMENT;
  const uint32_t threshold = (uint32_t)std::ceil(p * 0x1p24);
  const mask m{(uint64_t)seed, (uint32_t)step, (uint32_t)purpose, threshold, (float)(1.0 / (1.0 - p))};
  const bool known = with_compute_type(x, [&](auto* t) {
    using T = element<decltype(t)>;
    // Drawing costs several times the copying.
    parallel_range(context, x->rows, row_grain(4 * x->cols), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) {
        const uint32_t token = (uint32_t)row<int32_t>(token_index, 0)[i];
        if (add) {
          drop<true>(row<T>(x, i), row<T>(y, i), m, token, x->cols);
        } else {
          drop<false>(row<T>(x, i), row<T>(y, i), m, token, x->cols);
        }
      }
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
