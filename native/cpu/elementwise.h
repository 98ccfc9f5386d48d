// Walking over all elements of matrices of one shape, whatever their strides.
#pragma once
#include "pool.h"
#include "simd.h"

namespace gatun {

constexpr int64_t kSpan = 8192;  // elements of one row handled in one call: a few microseconds

// f(row, first, count) such that every element of rows x cols lies in exactly one call.
template <class F>
void each_span(const gatun_context* context, int64_t rows, int64_t cols, F f) {
  if (rows <= 0 || cols <= 0) return;
  const int64_t spans = (cols + kSpan - 1) / kSpan;
  const int64_t grain = std::max<int64_t>(1, 2 * kSpan / std::min(cols, kSpan));
  parallel_range(context, rows * spans, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i % spans * kSpan;
      f(i / spans, first, std::min(kSpan, cols - first));
    }
  });
}

// body(i) for whole vectors at i = 0, W, 2W ..., then tail(i, n) for the last n < W elements.
template <class Body, class Tail>
inline void each_vector(int64_t count, Body body, Tail tail) {
  int64_t i = 0;
  for (; i + W <= count; i += W) body(i);
  if (i < count) tail(i, (int)(count - i));
}

}  // namespace gatun
