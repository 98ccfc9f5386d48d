// Sum of squares in f64. A span of a row has one partial sum in scratch; partial sums are added in order.
#include "elementwise.h"

namespace {
using namespace gatun;

constexpr int kSums = 16;  // independent sums in a span, the same in every variant

template <class T>
double squares(const T* x, int64_t count) {
  double sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums)
    for (int j = 0; j < kSums; j++) {
      const double v = to_float(x[i + j]);
      sums[j] += v * v;
    }
  for (int j = 0; i < count; i++, j++) {
    const double v = to_float(x[i]);
    sums[j] += v * v;
  }
  for (int half = kSums / 2; half > 0; half /= 2)
    for (int j = 0; j < half; j++) sums[j] += sums[j + half];
  return sums[0];
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_squared_norm(const gatun_context* context, const gatun_matrix* x, double* result) {
  const int64_t spans = (x->cols + kSpan - 1) / kSpan, total = x->rows * spans;
  double* partial = reinterpret_cast<double*>(scratch(context, 0));
  const int64_t room = context->scratch_bytes / (int64_t)sizeof(double);
  double sum = 0;
  const bool known = with_compute_type(x, [&](auto* t) {
    using T = element<decltype(t)>;
    for (int64_t base = 0; base < total; base += room) {
      const int64_t here = std::min(room, total - base);
      parallel_range(context, here, row_grain(std::min(x->cols, kSpan)), [&](int64_t begin, int64_t end, int) {
        for (int64_t k = begin; k < end; k++) {
          const int64_t first = (base + k) % spans * kSpan;
          partial[k] = squares(row<T>(x, (base + k) / spans) + first, std::min(kSpan, x->cols - first));
        }
      });
      for (int64_t k = 0; k < here; k++) sum += partial[k];
    }
  });
  *result = sum;
  return known ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
