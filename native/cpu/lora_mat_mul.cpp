// Products with a frozen weight and low-rank adapters, whose ranks are further terms of the same sums.
#include "gemm.h"
#include "lora_gradients.h"

namespace {
using namespace gatun;

gatun_matrix part(const gatun_matrix& m, int64_t first_row, int64_t rows, int64_t first_col, int64_t cols) {
  gatun_matrix view = m;
  const int64_t size = m.dtype == GATUN_F32 ? 4 : 2;
  view.data = static_cast<char*>(m.data) + (first_row * m.stride + first_col) * size;
  view.rows = rows;
  view.cols = cols;
  return view;
}

int32_t check(const gatun_lora* lora, const gatun_matrix* factors) {
  for (int64_t i = 0; i < lora->count; i++) {
    const int64_t ranks = lora->rows[i].a.rows;
    if (ranks > kMostRanks || ranks > factors->cols) return GATUN_BAD_ARGUMENT;
  }
  return GATUN_OK;
}

// u = dy (scale b) in the rows and ranks of each sibling.
int32_t low_gradient(const gatun_context* context, const gatun_matrix* dy, const gatun_lora_rows& rows,
                     const gatun_matrix* u) {
  for (int64_t j = 0; j < rows.sibling_count; j++) {
    const gatun_lora_sibling& s = rows.siblings[j];
    const Product product{part(*dy, rows.first_row, rows.row_count, s.first_row, s.b.rows), source_of(s.b, s.scale, false),
                          s.b.cols, part(*u, rows.first_row, rows.row_count, s.first_rank, s.b.cols)};
    const int32_t status = multiply(context, product);
    if (status != GATUN_OK) return status;
  }
  return GATUN_OK;
}

// a_sum += u^T xa; b_sum += scale dy^T t.
int32_t factor_gradients(const gatun_context* context, const gatun_matrix* dy, const gatun_matrix* xa,
                         const gatun_matrix* t, const gatun_lora_rows& rows, const gatun_matrix* u) {
  const int64_t first = rows.first_row, count = rows.row_count;
  int32_t status = add_gradient(context, part(*u, first, count, 0, rows.a.rows), part(*xa, first, count, 0, xa->cols),
                                rows.a_sum, 1, false);
  for (int64_t j = 0; j < rows.sibling_count && status == GATUN_OK; j++) {
    const gatun_lora_sibling& s = rows.siblings[j];
    status = add_gradient(context, part(*t, first, count, s.first_rank, s.b.cols),
                          part(*dy, first, count, s.first_row, s.b.rows), s.b_sum, s.scale, true);
  }
  return status;
}

void zero_rows(const gatun_matrix* m, int64_t begin, int64_t end) {
  const int64_t size = m->dtype == GATUN_F32 ? 4 : 2;
  for (int64_t i = begin; i < end; i++) std::memset(static_cast<char*>(m->data) + i * m->stride * size, 0, m->cols * size);
}

// dxa = u a, and 0 in rows without adapter.
int32_t dropped_gradient(const gatun_context* context, const gatun_lora* lora, const gatun_matrix* u,
                         const gatun_matrix* dxa) {
  int64_t done = 0;
  for (int64_t i = 0; i < lora->count; i++) {
    const gatun_lora_rows& rows = lora->rows[i];
    zero_rows(dxa, done, rows.first_row);
    done = rows.first_row + rows.row_count;
    const int32_t status =
        multiply(context, Product{part(*u, rows.first_row, rows.row_count, 0, rows.a.rows), source_of(rows.a, 1, false),
                                  dxa->cols, part(*dxa, rows.first_row, rows.row_count, 0, dxa->cols)});
    if (status != GATUN_OK) return status;
  }
  zero_rows(dxa, done, dxa->rows);
  return GATUN_OK;
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_lora_mat_mul_forward(const gatun_context* context, const gatun_matrix* x,
                                                           const gatun_matrix* xa, const gatun_weight* w,
                                                           const gatun_matrix* bias, const gatun_lora* lora,
                                                           const gatun_matrix* t, const gatun_matrix* y) {
  if (x->cols != w->dense.cols || y->cols != w->dense.rows || x->rows != y->rows) return GATUN_BAD_ARGUMENT;
  int32_t status = check(lora, t);
  for (int64_t i = 0; i < lora->count && status == GATUN_OK; i++) {
    const gatun_lora_rows& rows = lora->rows[i];
    status = multiply(context, Product{part(*xa, rows.first_row, rows.row_count, 0, xa->cols), source_of(rows.a, 1, true),
                                       rows.a.rows, part(*t, rows.first_row, rows.row_count, 0, rows.a.rows)});
  }
  if (status != GATUN_OK) return status;
  Product product{*x, source_of(w, true), y->cols, *y};
  product.bias = static_cast<const float*>(bias->data);
  product.low = {lora, *t, true};
  return multiply(context, product);
}

extern "C" GATUN_EXPORT int32_t gatun_lora_mat_mul_backward(const gatun_context* context, const gatun_matrix* dy,
                                                            const gatun_matrix* xa, const gatun_matrix* t,
                                                            const gatun_weight* w, const gatun_lora* lora,
                                                            const gatun_matrix* u, const gatun_matrix* dx,
                                                            const gatun_matrix* dxa) {
  if (dy->cols != w->dense.rows || dx->cols != w->dense.cols || dy->rows != dx->rows) return GATUN_BAD_ARGUMENT;
  int32_t status = check(lora, u);
  for (int64_t i = 0; i < lora->count && status == GATUN_OK; i++) {
    status = low_gradient(context, dy, lora->rows[i], u);
    if (status == GATUN_OK) status = factor_gradients(context, dy, xa, t, lora->rows[i], u);
  }
  if (status != GATUN_OK) return status;
  Product product{*dy, source_of(w, false), dx->cols, *dx};
  if (dxa->data == nullptr) {
    product.low = {lora, *u, false};
    return multiply(context, product);
  }
  status = multiply(context, product);
  return status == GATUN_OK ? dropped_gradient(context, lora, u, dxa) : status;
}
