// Rows of a table by number, and the sum of gradient rows back into it.
#include "elementwise.h"

namespace {
using namespace gatun;

bool ids_fit(const gatun_matrix* ids, int64_t entries) {
  const int32_t* id = row<int32_t>(ids, 0);
  for (int64_t i = 0; i < ids->rows; i++)
    if (id[i] < 0 || id[i] >= entries) return false;
  return true;
}

template <class X, class Y>
void scaled(const X* x, vf scale, Y* y, int64_t count) {
  each_vector(count, [&](int64_t i, auto n) { store(y + i, load(x + i, n) * scale, n); });
}

template <class X, class Y>
void add_scaled(const X* x, vf scale, Y* y, int64_t count) {
  each_vector(count, [&](int64_t i, auto n) { store(y + i, fma(load(x + i, n), scale, load(y + i, n)), n); });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_embedding_forward(const gatun_context* context, const gatun_matrix* table,
                                                        const gatun_matrix* ids, float scale, const gatun_matrix* y) {
  if (ids->dtype != GATUN_I32 || ids->rows != y->rows || table->cols != y->cols) return GATUN_BAD_ARGUMENT;
  if (!ids_fit(ids, table->rows)) return GATUN_BAD_INDEX;
  const int32_t* id = row<int32_t>(ids, 0);
  bool known = false;
  with_compute_type(table, [&](auto* tx) {
    known = with_compute_type(y, [&](auto* ty) {
      using X = element<decltype(tx)>;
      using Y = element<decltype(ty)>;
      each_span(context, y->rows, y->cols, [&](int64_t i, int64_t first, int64_t count) {
        scaled(row<X>(table, id[i]) + first, set(scale), row<Y>(y, i) + first, count);
      });
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}

extern "C" GATUN_EXPORT int32_t gatun_embedding_backward(const gatun_context* context, const gatun_matrix* dy,
                                                         const gatun_matrix* ids, float scale,
                                                         const gatun_matrix* d_table_sum) {
  if (ids->dtype != GATUN_I32 || ids->rows != dy->rows || d_table_sum->cols != dy->cols) return GATUN_BAD_ARGUMENT;
  if (!ids_fit(ids, d_table_sum->rows)) return GATUN_BAD_INDEX;
  const int32_t* id = row<int32_t>(ids, 0);
  // Threads own columns, so that rows with one id are added in order. 64 columns: whole cache lines.
  constexpr int64_t kColumns = 64;
  const int64_t stripes = (dy->cols + kColumns - 1) / kColumns;
  bool known = false;
  with_compute_type(dy, [&](auto* tx) {
    known = with_compute_type(d_table_sum, [&](auto* ty) {
      using X = element<decltype(tx)>;
      using Y = element<decltype(ty)>;
      const int64_t grain = row_grain(kColumns * std::max<int64_t>(1, dy->rows));
      parallel_range(context, stripes, grain, [&](int64_t begin, int64_t end, int) {
        const int64_t first = begin * kColumns, count = std::min(dy->cols, end * kColumns) - first;
        for (int64_t i = 0; i < dy->rows; i++)
          add_scaled(row<X>(dy, i) + first, set(scale), row<Y>(d_table_sum, id[i]) + first, count);
      });
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
