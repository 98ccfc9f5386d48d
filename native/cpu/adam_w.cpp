// AdamW as in PyTorch. Factors that do not depend on the element are computed in f64 and rounded once.
#include "elementwise.h"

namespace {
using namespace gatun;

struct factors {
  float grad, keep, beta1, one_minus_beta1, beta2, one_minus_beta2, step, root, eps;
};

void update(float* p, const float* grads, float* m, float* v, const factors& f, int64_t count) {
  each_vector(count, [&](int64_t i, auto n) {
    const vf g = load(grads + i, n) * set(f.grad);
    const vf first = fma(set(f.one_minus_beta1), g, set(f.beta1) * load(m + i, n));
    const vf second = fma(set(f.one_minus_beta2) * g, g, set(f.beta2) * load(v + i, n));
    const vf down = fma(sqrt(second), set(f.root), set(f.eps));
    store(m + i, first, n);
    store(v + i, second, n);
    store(p + i, fnma(set(f.step), first / down, load(p + i, n) * set(f.keep)), n);
  });
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_adam_w(const gatun_context* context, const gatun_matrix* params,
                                             const gatun_matrix* grads, const gatun_matrix* m, const gatun_matrix* v,
                                             double lr, double beta1, double beta2, double eps, double weight_decay,
                                             int32_t t, float grad_scale) {
  for (const gatun_matrix* each : {params, grads, m, v})
    if (!same_shape(params, each) || each->dtype != GATUN_F32) return GATUN_BAD_ARGUMENT;
  if (t < 1) return GATUN_BAD_ARGUMENT;
  const double correction1 = 1 - std::pow(beta1, t), correction2 = 1 - std::pow(beta2, t);
  const factors f{grad_scale,
                  (float)(1 - lr * weight_decay),
                  (float)beta1,
                  (float)(1 - beta1),
                  (float)beta2,
                  (float)(1 - beta2),
                  (float)(lr / correction1),
                  (float)(1 / std::sqrt(correction2)),
                  (float)eps};
  each_span(context, params->rows, params->cols, [&](int64_t i, int64_t first, int64_t count) {
    update(row<float>(params, i) + first, row<float>(grads, i) + first, row<float>(m, i) + first,
           row<float>(v, i) + first, f, count);
  });
  return GATUN_OK;
}
