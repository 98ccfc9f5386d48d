// Gated linear unit: h = f(gate) * up.
#include "activation.h"
#include "elementwise.h"

namespace {
using namespace gatun;

template <class F, class T>
void forward(const T* gate, const T* up, T* h, int64_t count) {
  each_vector(count, [&](int64_t i, auto n) { store(h + i, F::value(load(gate + i, n)) * load(up + i, n), n); });
}

template <class F, class T>
void backward(const T* gate, const T* up, const T* dh, T* d_gate, T* d_up, int64_t count) {
  each_vector(count, [&](int64_t i, auto n) {
    const value_and_slope f = F::both(load(gate + i, n));
    const vf d = load(dh + i, n), u = load(up + i, n);
    store(d_gate + i, d * u * f.slope, n);
    store(d_up + i, d * f.value, n);
  });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_glu_forward(const gatun_context* context, int32_t activation,
                                                  const gatun_matrix* gate_up, const gatun_matrix* h) {
  const int64_t f = h->cols;
  if (gate_up->rows != h->rows || gate_up->cols != 2 * f || gate_up->dtype != h->dtype) return GATUN_BAD_ARGUMENT;
  const bool known = with_activation(activation, [&](auto act) {
    return with_compute_type(h, [&](auto* t) {
      using T = element<decltype(t)>;
      each_span(context, h->rows, f, [&](int64_t i, int64_t first, int64_t count) {
        const T* gate = row<T>(gate_up, i) + first;
        forward<decltype(act)>(gate, gate + f, row<T>(h, i) + first, count);
      });
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}

extern "C" GATUN_EXPORT int32_t gatun_glu_backward(const gatun_context* context, int32_t activation,
                                                   const gatun_matrix* gate_up, const gatun_matrix* dh,
                                                   const gatun_matrix* d_gate_up) {
  const int64_t f = dh->cols;
  if (gate_up->rows != dh->rows || gate_up->cols != 2 * f || !same_shape(gate_up, d_gate_up) ||
      gate_up->dtype != dh->dtype || gate_up->dtype != d_gate_up->dtype)
    return GATUN_BAD_ARGUMENT;
  const bool known = with_activation(activation, [&](auto act) {
    return with_compute_type(dh, [&](auto* t) {
      using T = element<decltype(t)>;
      each_span(context, dh->rows, f, [&](int64_t i, int64_t first, int64_t count) {
        const T* gate = row<T>(gate_up, i) + first;
        T* d_gate = row<T>(d_gate_up, i) + first;
        backward<decltype(act)>(gate, gate + f, row<T>(dh, i) + first, d_gate, d_gate + f, count);
      });
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
