#include "lora_gradients.h"

namespace gatun {
namespace {

// low^T of some tokens, in the part of the first thread's scratch that products leave free.
template <class X>
int32_t run(const gatun_context* context, const gatun_matrix& low, const gatun_matrix& x, const gatun_matrix& sum, float scale,
            bool transposed) {
  X* const turned = reinterpret_cast<X*>(scratch(context, 0) + kGemmScratch);
  const int64_t room = (context->scratch_bytes - kGemmScratch) / (int64_t)sizeof(X) / low.cols;
  const int64_t most = room / 64 * 64;
  if (most <= 0) return GATUN_NO_SCRATCH;
  for (int64_t first = 0; first < low.rows; first += most) {
    const int64_t count = std::min(most, low.rows - first);
    parallel_range(context, count, 4096, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; i++) {
        const X* from = row<const X>(&low, first + i);
        for (int64_t j = 0; j < low.cols; j++) turned[j * count + i] = from[j];
      }
    });
    gatun_matrix some = x;
    some.data = row<X>(&x, first);
    some.rows = count;
    Product product{{turned, low.cols, count, count, low.dtype, 0}, source_of(some, 1, false), x.cols, sum};
    product.add = true;
    product.scale = scale;
    product.transposed = transposed;
    const int32_t status = multiply(context, product);
    if (status != GATUN_OK) return status;
  }
  return GATUN_OK;
}
}  // namespace

int32_t add_gradient(const gatun_context* context, const gatun_matrix& low, const gatun_matrix& x, const gatun_matrix& sum,
                     float scale, bool transposed) {
  if (low.rows == 0 || low.cols == 0) return GATUN_OK;
  return low.dtype == GATUN_F32 ? run<float>(context, low, x, sum, scale, transposed)
                                : run<bf16>(context, low, x, sum, scale, transposed);
}

}  // namespace gatun
