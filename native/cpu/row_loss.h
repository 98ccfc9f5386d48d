// What the losses of rows against targets share.
#pragma once
#include "elementwise.h"

namespace gatun {

// Whether z is a float matrix with columns, targets is f32 of its shape, and weights and row_loss are f32 columns.
inline bool row_loss_fits(const gatun_matrix* z, const gatun_matrix* targets, const gatun_matrix* weights,
                          const gatun_matrix* row_loss) {
  const auto column = [&](const gatun_matrix* m) { return m->dtype == GATUN_F32 && m->rows == z->rows && m->cols == 1; };
  return z->cols > 0 && targets->dtype == GATUN_F32 && same_shape(z, targets) && column(weights) && column(row_loss);
}

// row_loss = weight * mean of f(row, targets, columns, weight / columns), which returns the sum over a row and replaces the
// row by the gradient.
template <class F>
int32_t each_row_loss(const gatun_context* context, const gatun_matrix* z, const gatun_matrix* targets,
                      const gatun_matrix* weights, const gatun_matrix* row_loss, F f) {
  const int64_t n = z->cols;
  const bool known = with_compute_type(z, [&](auto* t) {
    using T = element<decltype(t)>;
    parallel_range(context, z->rows, row_grain(n), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) {
        const double share = *row<float>(weights, i) / (double)n;
        *row<float>(row_loss, i) = (float)(share * f(row<T>(z, i), row<float>(targets, i), n, (float)share));
      }
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}

}  // namespace gatun
