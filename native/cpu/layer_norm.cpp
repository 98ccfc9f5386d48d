// Layer norm of rows. A row is read three times, from the first-level cache after the first.
#include "elementwise.h"

namespace {
using namespace gatun;

struct moments {
  float mean, rstd;
};

template <class T>
float near_mean(const T* x, int64_t n) {
  return sum_of(n, [&](int64_t i, auto k) { return load(x + i, k); }) / (float)n;
}

// The corrected two-pass algorithm (Chan, Golub and LeVeque 1983): the sum of x - mean would be 0 but for the rounding of the
// mean, so it improves both the mean and the sum of squares. A row of equal numbers has that number as its mean.
template <class T>
moments moments_of(const T* x, float near, float eps, int64_t n) {
  const two_sums rest = two_sums_of(n, [&](int64_t i, auto k, two_vectors* sums) {
    const vf d = load(x + i, k) - set(near);
    sums->first = sums->first + d;
    sums->second = fma(d, d, sums->second);
  });
  const float count = (float)n, variance = (rest.second - rest.first * rest.first / count) / count;
  return {near + rest.first / count, 1.0f / std::sqrt(std::max(variance, 0.0f) + eps)};
}

template <class T>
void write(const T* x, const float* gamma, const float* beta, moments m, T* y, int64_t n) {
  each_vector(n, [&](int64_t i, auto k) {
    const vf h = (load(x + i, k) - set(m.mean)) * set(m.rstd);
    store(y + i, fma(h, load(gamma + i, k), load(beta + i, k)), k);
  });
}

// The sums of g and of g * (x - mean), g = dy * gamma.
template <class T>
two_sums gradient_sums(const T* dy, const T* x, const float* gamma, float mean, int64_t n) {
  return two_sums_of(n, [&](int64_t i, auto k, two_vectors* sums) {
    const vf g = load(dy + i, k) * load(gamma + i, k);
    sums->first = sums->first + g;
    sums->second = fma(g, load(x + i, k) - set(mean), sums->second);
  });
}

// dx = rstd * (g - mean(g) - (x - mean) * rstd^2 * mean(g * (x - mean)))
template <bool kAdd, class T>
void write_gradient(const T* dy, const T* x, const float* gamma, moments m, two_sums sums, T* dx, int64_t n) {
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

// A row's sums take a while to cross the lanes, so each row is written only after the next one has been summed.
template <class T>
void forward_rows(const gatun_matrix* x, const float* gamma, const float* beta, float eps, const gatun_matrix* y,
                  const gatun_matrix* mean, const gatun_matrix* rstd, int64_t begin, int64_t end) {
  const int64_t n = x->cols;
  moments m = moments_of(row<T>(x, begin), near_mean(row<T>(x, begin), n), eps, n);
  for (int64_t i = begin; i < end; i++) {
    const float next = i + 1 < end ? near_mean(row<T>(x, i + 1), n) : 0;
    *row<float>(mean, i) = m.mean;
    *row<float>(rstd, i) = m.rstd;
    write(row<T>(x, i), gamma, beta, m, row<T>(y, i), n);
    if (i + 1 < end) m = moments_of(row<T>(x, i + 1), next, eps, n);
  }
}

template <bool kAdd, class T>
void backward_rows(const gatun_matrix* dy, const gatun_matrix* x, const float* gamma, const gatun_matrix* mean,
                   const gatun_matrix* rstd, const gatun_matrix* dx, int64_t begin, int64_t end) {
  const int64_t n = x->cols;
  const auto sums_at = [&](int64_t i) { return gradient_sums(row<T>(dy, i), row<T>(x, i), gamma, *row<float>(mean, i), n); };
  two_sums sums = sums_at(begin);
  for (int64_t i = begin; i < end; i++) {
    const two_sums next = i + 1 < end ? sums_at(i + 1) : two_sums{};
    const moments m{*row<float>(mean, i), *row<float>(rstd, i)};
    write_gradient<kAdd>(row<T>(dy, i), row<T>(x, i), gamma, m, sums, row<T>(dx, i), n);
    sums = next;
  }
}
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
      forward_rows<T>(x, row<float>(gamma, 0), row<float>(beta, 0), eps, y, mean, rstd, begin, end);
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
      if (add) {
        backward_rows<true, T>(dy, x, row<float>(gamma, 0), mean, rstd, dx, begin, end);
      } else {
        backward_rows<false, T>(dy, x, row<float>(gamma, 0), mean, rstd, dx, begin, end);
      }
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
