// Mean squared error of rows and its gradient.
#include "row_loss.h"

namespace {
using namespace gatun;

template <class T>
float loss_and_gradient(T* z, const float* targets, int64_t count, float share) {
  return sum_of(count, [&](int64_t i, auto n) {
    const vf d = load(z + i, n) - load(targets + i, n);
    store(z + i, d * set(2 * share), n);
    return d * d;
  });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_squared_error(const gatun_context* context, const gatun_matrix* z,
                                                    const gatun_matrix* targets, const gatun_matrix* weights,
                                                    const gatun_matrix* row_loss) {
  if (!row_loss_fits(z, targets, weights, row_loss)) return GATUN_BAD_ARGUMENT;
  return each_row_loss(context, z, targets, weights, row_loss, [](auto* x, const float* t, int64_t n, float share) {
    return loss_and_gradient(x, t, n, share);
  });
}
