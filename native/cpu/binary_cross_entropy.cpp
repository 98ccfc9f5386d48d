// Loss and gradient of independent yes-or-no questions, from logits.
#include "functions.h"
#include "row_loss.h"

namespace {
using namespace gatun;

bool targets_fit(const gatun_matrix* targets) {
  bool fit = true;
  for (int64_t i = 0; i < targets->rows; i++) {
    const float* t = row<float>(targets, i);
    for (int64_t j = 0; j < targets->cols; j++) fit &= (t[j] >= 0) & (t[j] <= 1);  // NaN does not
  }
  return fit;
}

// The loss max(z, 0) - z t + log(1 + e^-|z|), its first two terms as one product without cancellation. The gradient
// p - t likewise from p and 1 - p, so that both keep their digits where the answer is sure.
template <class T>
float loss_and_gradient(T* z, const float* targets, int64_t count, float share) {
  return sum_of(count, [&](int64_t i, auto n) {
    const vf x = load(z + i, n), t = load(targets + i, n), other = set(1.0f) - t;
    const logistic at = logistic_at(x);
    store(z + i, fnma(t, at.rest, other * at.value) * set(share), n);
    return fma(abs(x), select(less(x, set(0)), t, other), log1p(at.decay));
  });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_binary_cross_entropy(const gatun_context* context, const gatun_matrix* logits,
                                                           const gatun_matrix* targets, const gatun_matrix* weights,
                                                           const gatun_matrix* row_loss) {
  if (!row_loss_fits(logits, targets, weights, row_loss)) return GATUN_BAD_ARGUMENT;
  if (!targets_fit(targets)) return GATUN_BAD_VALUE;
  return each_row_loss(context, logits, targets, weights, row_loss, [](auto* z, const float* t, int64_t n, float share) {
    return loss_and_gradient(z, t, n, share);
  });
}
