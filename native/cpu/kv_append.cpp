// Rows of keys and values into the rows of a cache that are named for them.
#include <cstring>

#include "elementwise.h"

extern "C" GATUN_EXPORT int32_t gatun_kv_append(const gatun_context* context, const gatun_matrix* k, const gatun_matrix* v,
                                                const gatun_matrix* rows, const gatun_matrix* cache) {
  using namespace gatun;
  if (rows->dtype != GATUN_I32 || rows->rows != k->rows || v->rows != k->rows || v->cols != k->cols ||
      cache->cols != 2 * k->cols || v->dtype != k->dtype || cache->dtype != k->dtype)
    return GATUN_BAD_ARGUMENT;
  const int32_t* to = row<int32_t>(rows, 0);
  for (int64_t i = 0; i < k->rows; i++)
    if (to[i] < 0 || to[i] >= cache->rows) return GATUN_BAD_INDEX;
  const bool known = with_compute_type(k, [&](auto* t) {
    using T = element<decltype(t)>;
    each_span(context, k->rows, k->cols, [&](int64_t i, int64_t first, int64_t count) {
      T* const own = row<T>(cache, to[i]) + first;
      memcpy(own, row<T>(k, i) + first, count * sizeof(T));
      memcpy(own + k->cols, row<T>(v, i) + first, count * sizeof(T));
    });
  });
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
