// Layer norm of rows. A row is read three times, from the first-level cache after the first.
#include "elementwise.h"

namespace {
using namespace gatun;

struct moments {
  float mean, rstd;
};

// The corrected two-pass algorithm (Chan, Golub and LeVeque 1983): the sum of x - mean would be 0 but for the rounding of the
// mean, so it improves both the mean and the sum of squares. A row of equal numbers has that number as its mean.
template <class T>
moments moments_of(const T* x, float eps, int64_t n) {
  const float count = (float)n, near = sum_of(n, [&](int64_t i, auto k) { return load(x + i, k); }) / count;
  const two_sums rest = two_sums_of(n, [&](int64_t i, auto k) {
    const vf d = load(x + i, k) - set(near);
    return two_vectors{d, d * d};
  });
  const float variance = std::max((rest.second - rest.first * rest.first / count) / count, 0.0f);
  return {near + rest.first / count, 1.0f / std::sqrt(variance + eps)};
}

template <class T>
moments forward(const T* x, const float* gamma, const float* beta, float eps, T* y, int64_t n) {
  const moments m = moments_of(x, eps, n);
  each_vector(n, [&](int64_t i, auto k) {
    const vf h = (load(x + i, k) - set(m.mean)) * set(m.rstd);
    store(y + i, fma(h, load(gamma + i, k), load(beta + i, k)), k);
  });
  return m;
}

// dx = rstd * (g - mean(g) - (x - mean) * rstd^2 * mean(g * (x - mean))), g = dy * gamma
template <bool kAdd, class T>
void backward(const T* dy, const T* x, const float* gamma, moments m, T* dx, int64_t n) {
  const two_sums sums = two_sums_of(n, [&](int64_t i, auto k) {
    const vf g = load(dy + i, k) * load(gamma + i, k);
    return two_vectors{g, g * (load(x + i, k) - set(m.mean))};
  });
  const vf level = set(sums.first / (float)n), slope = set(m.rstd * m.rstd * (sums.second / (float)n));
  each_vector(n, [&](int64_t i, auto k) {
    const vf g = load(dy + i, k) * load(gamma + i, k);
    vf d = fnma(load(x + i, k) - set(m.mean), slope, g - level) * set(m.rstd);
    if (kAdd) d = d + load(dx + i, k);
    store(dx + i, d, k);
  });
}

bool row_vector(const gatun_matrix* m, const gatun_matrix* x) {
  return m->dtype == GATUN_F32 && m->rows == 1 && m->cols == x->cols;
}
bool column_vector(const gatun_matrix* m, const gatun_matrix* x) {
  return m->dtype == GATUN_F32 && m->rows == x->rows && m->cols == 1;
}
bool alike(const gatun_matrix* m, const gatun_matrix* x) { return same_shape(m, x) && m->dtype == x->dtype; }
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_layer_norm_forward(const gatun_context* context, const gatun_matrix* x,
                                                         const gatun_matrix* gamma, const gatun_matrix* beta, float eps,
                                                         const gatun_matrix* y, const gatun_matrix* mean,
                                                         const gatun_matrix* rstd) {
  const int64_t n = x->cols;
  if (n == 0 || !alike(y, x) || !row_vector(gamma, x) || !row_vector(beta, x) || !column_vector(mean, x) ||
      !column_vector(rstd, x))
    return GATUN_BAD_ARGUMENT;
  const bool known = with_compute_type(x, [&](auto* t) {
    using T = element<decltype(t)>;
    parallel_range(context, x->rows, row_grain(n), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) {
        const moments m = forward(row<T>(x, i), row<float>(gamma, 0), row<float>(beta, 0), eps, row<T>(y, i), n);
        *row<float>(mean, i) = m.mean;
        *row<float>(rstd, i) = m.rstd;
      }
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}

extern "C" GATUN_EXPORT int32_t gatun_layer_norm_backward(const gatun_context* context, const gatun_matrix* dy,
                                                          const gatun_matrix* x, const gatun_matrix* gamma,
                                                          const gatun_matrix* mean, const gatun_matrix* rstd,
                                                          const gatun_matrix* dx, int32_t add) {
  const int64_t n = x->cols;
  if (n == 0 || !alike(dy, x) || !alike(dx, x) || !row_vector(gamma, x) || !column_vector(mean, x) || !column_vector(rstd, x))
    return GATUN_BAD_ARGUMENT;
  const bool known = with_compute_type(x, [&](auto* t) {
    using T = element<decltype(t)>;
    parallel_range(context, x->rows, row_grain(n), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) {
        const moments m{*row<float>(mean, i), *row<float>(rstd, i)};
        if (add) {
          backward<true>(row<T>(dy, i), row<T>(x, i), row<float>(gamma, 0), m, row<T>(dx, i), n);
        } else {
          backward<false>(row<T>(dy, i), row<T>(x, i), row<float>(gamma, 0), m, row<T>(dx, i), n);
        }
      }
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
