// Gated linear unit: h = f(gate) * up.
#include "elementwise.h"
#include "functions.h"

namespace {
using namespace gatun;

struct value_and_slope {
  vf value, slope;
};

struct silu {
  static vf value(vf x) { return x * sigmoid(x); }
  static value_and_slope both(vf x) {
    const vf s = sigmoid(x);
    return {x * s, fma(x * s, set(1.0f) - s, s)};
  }
};

struct gelu {
  static vf value(vf x) { return x * normal_at(x).distribution; }
  static value_and_slope both(vf x) {
    const normal at = normal_at(x);
    return {x * at.distribution, fma(x, at.density, at.distribution)};
  }
};

// x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): the sigmoid keeps its digits where tanh nears -1.
struct gelu_tanh {
  static constexpr float kTwoRoot = 1.59576912f, kCube = 0.044715f;
  static vf gate(vf x) { return sigmoid(set(kTwoRoot) * fma(set(kCube) * x * x, x, x)); }
  static vf value(vf x) { return x * gate(x); }
  static value_and_slope both(vf x) {
    const vf s = gate(x);
    const vf inner = set(kTwoRoot) * fma(set(3 * kCube), x * x, set(1.0f));
    return {x * s, fma(x * s * (set(1.0f) - s), inner, s)};
  }
};

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

template <class F>
bool with_activation(int32_t activation, F f) {
  switch (activation) {
    case GATUN_SILU:
      return f(silu{});
    case GATUN_GELU:
      return f(gelu{});
    case GATUN_GELU_TANH:
      return f(gelu_tanh{});
    default:
      return false;
  }
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
