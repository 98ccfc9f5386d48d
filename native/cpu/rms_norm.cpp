// Root-mean-square norm in groups of columns.
#include "elementwise.h"

namespace {
using namespace gatun;

template <class T>
float forward(const T* x, const float* gamma, float offset, float eps, T* y, int64_t n) {
  const float squares = sum_of(n, [&](int64_t i, auto k) {
    const vf v = load(x + i, k);
    return v * v;
  });
  const float rstd = 1.0f / std::sqrt(squares / (float)n + eps);
  each_vector(n, [&](int64_t i, auto k) {
    vf normed = load(x + i, k) * set(rstd);
    if (offset == 0) {  // as where such models were trained: rounded to the type of x before gamma
      store(y + i, normed, k);
      normed = load(y + i, k);
    }
    store(y + i, normed * (load(gamma + i, k) + set(offset)), k);
  });
  return rstd;
}

// dx = rstd * g - x * rstd^3 * mean(g * x), g = dy * (gamma + offset)
template <bool kAdd, class T>
void backward(const T* dy, const T* x, const float* gamma, float offset, float rstd, T* dx, int64_t n) {
  const float dot = sum_of(n, [&](int64_t i, auto k) {
    return load(dy + i, k) * (load(gamma + i, k) + set(offset)) * load(x + i, k);
  });
  const vf r = set(rstd), back = set(rstd * rstd * rstd * (dot / (float)n));
  each_vector(n, [&](int64_t i, auto k) {
    const vf g = load(dy + i, k) * (load(gamma + i, k) + set(offset));
    vf d = fnma(load(x + i, k), back, g * r);
    if (kAdd) d = d + load(dx + i, k);
    store(dx + i, d, k);
  });
}

bool fits(const gatun_matrix* x, const gatun_matrix* gamma, const gatun_matrix* rstd) {
  return gamma->dtype == GATUN_F32 && rstd->dtype == GATUN_F32 && gamma->rows == 1 && gamma->cols > 0 &&
         x->cols % gamma->cols == 0 && rstd->rows == x->rows && rstd->cols == x->cols / gamma->cols;
}

// f(row, group) for every group of every row.
template <class F>
void each_group(const gatun_context* context, const gatun_matrix* x, int64_t n, F f) {
  const int64_t groups = x->cols / n;
  parallel_range(context, x->rows * groups, row_grain(n), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; i++) f(i / groups, i % groups);
  });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_rms_norm_forward(const gatun_context* context, const gatun_matrix* x,
                                                       const gatun_matrix* gamma, float gamma_offset, float eps,
                                                       const gatun_matrix* y, const gatun_matrix* rstd) {
  if (!fits(x, gamma, rstd) || !same_shape(x, y) || x->dtype != y->dtype) return GATUN_BAD_ARGUMENT;
  const int64_t n = gamma->cols;
  const bool known = with_compute_type(x, [&](auto* t) {
    using T = element<decltype(t)>;
    each_group(context, x, n, [&](int64_t i, int64_t g) {
      row<float>(rstd, i)[g] =
          forward(row<T>(x, i) + g * n, row<float>(gamma, 0), gamma_offset, eps, row<T>(y, i) + g * n, n);
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}

extern "C" GATUN_EXPORT int32_t gatun_rms_norm_backward(const gatun_context* context, const gatun_matrix* dy,
                                                        const gatun_matrix* x, const gatun_matrix* gamma,
                                                        float gamma_offset, const gatun_matrix* rstd,
                                                        const gatun_matrix* dx, int32_t add) {
  if (!fits(x, gamma, rstd) || !same_shape(x, dy) || !same_shape(x, dx) || x->dtype != dy->dtype ||
      x->dtype != dx->dtype)
    return GATUN_BAD_ARGUMENT;
  const int64_t n = gamma->cols;
  const bool known = with_compute_type(x, [&](auto* t) {
    using T = element<decltype(t)>;
    each_group(context, x, n, [&](int64_t i, int64_t g) {
      const T* d = row<T>(dy, i) + g * n;
      const T* v = row<T>(x, i) + g * n;
      T* out = row<T>(dx, i) + g * n;
      const float r = row<float>(rstd, i)[g];
      if (add) {
        backward<true>(d, v, row<float>(gamma, 0), gamma_offset, r, out, n);
      } else {
        backward<false>(d, v, row<float>(gamma, 0), gamma_offset, r, out, n);
      }
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
