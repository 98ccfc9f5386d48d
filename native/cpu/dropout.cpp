// Inverted dropout with counter-based masks.
#include "elementwise.h"
#include "philox.h"

namespace {
using namespace gatun;

struct mask {
  uint64_t seed;
  uint32_t step, purpose;
  float threshold;  // a feature is kept when the upper 24 bits of its word reach this
  float scale;      // 1 / (1 - p)
};

// A dropped NaN or infinity becomes zero as well.
template <bool kAdd, class T>
void drop(const T* x, T* y, const mask& m, uint32_t token, int64_t count) {
  const vf threshold = set(m.threshold), scale = set(m.scale), zero = set(0.0f);
  vu words[4];
  for (int64_t first = 0; first < count; first += kPhiloxWords) {
    philox_in_order(m.seed, (uint32_t)(first / 4), token, m.step, m.purpose, words);
    each_vector(std::min<int64_t>(kPhiloxWords, count - first), [&](int64_t i, auto n) {
      const vm dropped = less(upper24(words[i / W]), threshold);
      vf v = select(dropped, zero, load(x + first + i, n) * scale);
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
  const mask m{(uint64_t)seed, (uint32_t)step, (uint32_t)purpose, drop_threshold(p), keep_scale(p)};
  const bool known = with_compute_type(x, [&](auto* t) {
    using T = element<decltype(t)>;
    parallel_range(context, x->rows, row_grain(x->cols), [&](int64_t begin, int64_t end, int) {
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
