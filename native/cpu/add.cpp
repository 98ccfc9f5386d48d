// y += x, summed in f32 and rounded once.
#include "elementwise.h"

namespace {
using namespace gatun;

template <class X, class Y>
void add(const X* x, Y* y, int64_t count) {
  each_vector(count, [&](int64_t i, auto n) { store(y + i, load(y + i, n) + load(x + i, n), n); });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_add(const gatun_context* context, const gatun_matrix* x, const gatun_matrix* y_sum) {
  if (!same_shape(x, y_sum)) return GATUN_BAD_ARGUMENT;
  bool known = false;
  with_compute_type(x, [&](auto* tx) {
    known = with_compute_type(y_sum, [&](auto* ty) {
      using X = element<decltype(tx)>;
      using Y = element<decltype(ty)>;
      each_span(context, x->rows, x->cols, [&](int64_t i, int64_t first, int64_t count) {
        add(row<X>(x, i) + first, row<Y>(y_sum, i) + first, count);
      });
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
