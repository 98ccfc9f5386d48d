// x = cap * tanh(x / cap).
#include "elementwise.h"
#include "functions.h"

extern "C" GATUN_EXPORT int32_t gatun_soft_cap(const gatun_context* context, const gatun_matrix* x, float cap) {
  using namespace gatun;
  if (!(cap > 0)) return GATUN_BAD_ARGUMENT;
  const bool known = with_compute_type(x, [&](auto* t) {
    using T = element<decltype(t)>;
    each_span(context, x->rows, x->cols, [&](int64_t r, int64_t first, int64_t count) {
      T* v = row<T>(x, r) + first;
      each_vector(count, [&](int64_t i, auto n) { store(v + i, set(cap) * tanh(load(v + i, n) / set(cap)), n); });
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
