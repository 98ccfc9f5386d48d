// Rotary position embedding, rotate-half convention, in place.
#include "elementwise.h"

namespace {
using namespace gatun;

// direction: 1, or -1 for the inverse rotation.
template <class T>
void rotate(T* low, T* high, const float* cos, const float* sin, float direction, int64_t half) {
  each_vector(half, [&](int64_t j, auto n) {
    const vf a = load(low + j, n), b = load(high + j, n);
    const vf c = load(cos + j, n), s = load(sin + j, n) * set(direction);
    store(low + j, fnma(b, s, a * c), n);
    store(high + j, fma(a, s, b * c), n);
  });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_rope(const gatun_context* context, const gatun_matrix* x, const gatun_matrix* cos,
                                           const gatun_matrix* sin, int32_t head_dim, int32_t inverse) {
  const int64_t half = cos->cols;
  if (head_dim < 1 || x->cols % head_dim != 0 || 2 * half > head_dim || cos->rows != x->rows || !same_shape(cos, sin) ||
      cos->dtype != GATUN_F32 || sin->dtype != GATUN_F32)
    return GATUN_BAD_ARGUMENT;
  const float direction = inverse ? -1.0f : 1.0f;
  const bool known = with_compute_type(x, [&](auto* t) {
    using T = element<decltype(t)>;
    parallel_range(context, x->rows, row_grain(x->cols), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) {
        T* token = row<T>(x, i);
        for (int64_t head = 0; head < x->cols; head += head_dim)
          rotate(token + head, token + head + half, row<float>(cos, i), row<float>(sin, i), direction, half);
      }
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
