// Changes the element type, to nearest even.
#include "elementwise.h"

namespace {
using namespace gatun;

template <class F>
bool with_type(const gatun_matrix* m, F f) {
  if (m->dtype == GATUN_F16) return f(static_cast<f16*>(nullptr)), true;
  return with_compute_type(m, f);
}

template <class X, class Y>
void cast(const X* x, Y* y, int64_t count) {
  if constexpr (std::is_same_v<X, Y>) {
    std::memmove(y, x, count * sizeof(X));  // bits, signalling NaN included
  } else {
    each_vector(count, [&](int64_t i, auto n) { store(y + i, load(x + i, n), n); });
  }
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_cast(const gatun_context* context, const gatun_matrix* from, const gatun_matrix* to) {
  if (!same_shape(from, to)) return GATUN_BAD_ARGUMENT;
  bool known = false;
  with_type(from, [&](auto* tx) {
    known = with_type(to, [&](auto* ty) {
      using X = element<decltype(tx)>;
      using Y = element<decltype(ty)>;
      each_span(context, from->rows, from->cols, [&](int64_t i, int64_t first, int64_t count) {
        cast(row<X>(from, i) + first, row<Y>(to, i) + first, count);
      });
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
