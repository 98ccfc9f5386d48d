// Where the largest of a row's first elements is.
#include "elementwise.h"

extern "C" GATUN_EXPORT int32_t gatun_arg_max(const gatun_context* context, const gatun_matrix* x, int32_t count,
                                              const gatun_matrix* found) {
  using namespace gatun;
  if (x->dtype != GATUN_F32 || count < 1 || count > x->cols || found->dtype != GATUN_I32 || found->rows != x->rows)
    return GATUN_BAD_ARGUMENT;
  parallel_range(context, x->rows, row_grain(count), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; i++) {
      const float* v = row<float>(x, i);
      int32_t best = 0;
      for (int32_t j = 1; j < count; j++)
        if (v[j] > v[best] || (v[best] != v[best] && v[j] == v[j])) best = j;
      row<int32_t>(found, 0)[i] = best;
    }
  });
  return GATUN_OK;
}
