// y = f(x), dx = dy * f'(x).
#include "activation.h"
#include "elementwise.h"

using namespace gatun;

extern "C" GATUN_EXPORT int32_t gatun_activate_forward(const gatun_context* context, int32_t activation,
                                                       const gatun_matrix* x, const gatun_matrix* y) {
  if (!same_shape(x, y) || x->dtype != y->dtype) return GATUN_BAD_ARGUMENT;
  const bool known = with_activation(activation, [&](auto act) {
    return with_compute_type(x, [&](auto* t) {
      using T = element<decltype(t)>;
      each_span(context, x->rows, x->cols, [&](int64_t r, int64_t first, int64_t count) {
        const T* from = row<T>(x, r) + first;
        T* to = row<T>(y, r) + first;
        each_vector(count, [&](int64_t i, auto n) { store(to + i, act.value(load(from + i, n)), n); });
      });
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}

extern "C" GATUN_EXPORT int32_t gatun_activate_backward(const gatun_context* context, int32_t activation,
                                                        const gatun_matrix* x, const gatun_matrix* dy,
                                                        const gatun_matrix* dx) {
  if (!same_shape(x, dy) || !same_shape(x, dx) || x->dtype != dy->dtype || x->dtype != dx->dtype) return GATUN_BAD_ARGUMENT;
  const bool known = with_activation(activation, [&](auto act) {
    return with_compute_type(x, [&](auto* t) {
      using T = element<decltype(t)>;
      each_span(context, x->rows, x->cols, [&](int64_t r, int64_t first, int64_t count) {
        const T *at = row<T>(x, r) + first, *d = row<T>(dy, r) + first;
        T* to = row<T>(dx, r) + first;
        each_vector(count, [&](int64_t i, auto n) { store(to + i, load(d + i, n) * act.both(load(at + i, n)).slope, n); });
      });
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
