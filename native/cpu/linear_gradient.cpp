// Gradients of a trained dense layer: a product over tokens, and sums over them.
#include "elementwise.h"
#include "lora_gradients.h"

namespace {
using namespace gatun;

constexpr int64_t kSumColumns = 512;  // whose sums stay in the first-level cache while the rows pass by
constexpr int64_t kSumRows = 128;     // terms of a sum before it is added to the rest

// sums += the sums of some columns of dy, rounded as often as there are blocks of rows.
template <class T>
void add_column_sums(const gatun_matrix* dy, int64_t first, int64_t count, float* sums) {
  float total[kSumColumns] = {};
  for (int64_t base = 0; base < dy->rows; base += kSumRows) {
    float part[kSumColumns] = {};
    for (int64_t i = base; i < std::min(base + kSumRows, dy->rows); i++) {
      const T* d = row<T>(dy, i) + first;
      each_vector(count, [&](int64_t j, auto n) { store(part + j, load(part + j, n) + load(d + j, n), n); });
    }
    each_vector(count, [&](int64_t j, auto n) { store(total + j, load(total + j, n) + load(part + j, n), n); });
  }
  each_vector(count, [&](int64_t j, auto n) { store(sums + j, load(sums + j, n) + load(total + j, n), n); });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_linear_gradient(const gatun_context* context, const gatun_matrix* dy,
                                                      const gatun_matrix* x, const gatun_matrix* dw_sum,
                                                      const gatun_matrix* db_sum) {
  if (dy->rows != x->rows || dy->dtype != x->dtype || dw_sum->dtype != GATUN_F32 || dw_sum->rows != dy->cols ||
      dw_sum->cols != x->cols || db_sum->dtype != GATUN_F32 || db_sum->rows != 1 || db_sum->cols != dy->cols)
    return GATUN_BAD_ARGUMENT;
  const bool known = with_compute_type(dy, [&](auto* t) {
    using T = element<decltype(t)>;
    parallel_range(context, dy->cols, row_grain(dy->rows), [&](int64_t begin, int64_t end, int) {
      for (int64_t first = begin; first < end; first += kSumColumns) {
        add_column_sums<T>(dy, first, std::min(kSumColumns, end - first), row<float>(db_sum, 0) + first);
      }
    });
  });
  return known ? add_gradient(context, *dy, *x, *dw_sum, 1, false) : GATUN_BAD_ARGUMENT;
}
