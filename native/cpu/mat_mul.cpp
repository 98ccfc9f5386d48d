// y = x w^T (+ bias), dx = dy w, for a frozen weight.
#include "gemm.h"

using namespace gatun;

extern "C" GATUN_EXPORT int32_t gatun_mat_mul_forward(const gatun_context* context, const gatun_matrix* x,
                                                      const gatun_weight* w, const gatun_matrix* bias, const gatun_matrix* y,
                                                      int32_t add) {
  if (x->cols != w->dense.cols || y->cols != w->dense.rows || x->rows != y->rows) return GATUN_BAD_ARGUMENT;
  Product product{*x, source_of(w, true), y->cols, *y};
  product.bias = static_cast<const float*>(bias->data);
  product.add = add != 0;
  return multiply(context, product);
}

extern "C" GATUN_EXPORT int32_t gatun_mat_mul_backward(const gatun_context* context, const gatun_matrix* dy,
                                                       const gatun_weight* w, const gatun_matrix* dx, int32_t add) {
  if (dy->cols != w->dense.rows || dx->cols != w->dense.cols || dy->rows != dx->rows) return GATUN_BAD_ARGUMENT;
  Product product{*dy, source_of(w, false), dx->cols, *dx};
  product.add = add != 0;
  return multiply(context, product);
}
