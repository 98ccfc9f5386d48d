// Walking over all elements of matrices of one shape, whatever their strides.
#pragma once
#include <type_traits>

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

// f(i, all_lanes{}) for whole vectors at i = 0, W, 2W ..., then f(i, n) for the last n < W elements.
template <class F>
inline void each_vector(int64_t count, F f) {
  int64_t i = 0;
  for (; i + W <= count; i += W) f(i, all_lanes{});
  if (i < count) f(i, (int)(count - i));
}

// Sum over f(i, n), a vector of terms: four vectors of sums, added in a fixed order.
template <class F>
inline float sum_of(int64_t count, F f) {
  vf a = set(0), b = set(0), c = set(0), d = set(0);
  int64_t i = 0;
  for (; i + 4 * W <= count; i += 4 * W) {
    a = a + f(i, all_lanes{});
    b = b + f(i + W, all_lanes{});
    c = c + f(i + 2 * W, all_lanes{});
    d = d + f(i + 3 * W, all_lanes{});
  }
  for (; i + W <= count; i += W) a = a + f(i, all_lanes{});
  if (i < count) b = b + keep(f(i, (int)(count - i)), (int)(count - i));
  return sum((a + b) + (c + d));
}

struct two_vectors {
  vf first, second;
};
struct two_sums {
  float first, second;
};

// Two sums over the same elements; f(i, n, &sums) adds its terms. Four vectors of each sum, added in a fixed order.
template <class F>
inline two_sums two_sums_of(int64_t count, F f) {
  two_vectors s[4] = {}, part = {};
  int64_t i = 0;
  for (; i + 4 * W <= count; i += 4 * W) {
    f(i, all_lanes{}, &s[0]);
    f(i + W, all_lanes{}, &s[1]);
    f(i + 2 * W, all_lanes{}, &s[2]);
    f(i + 3 * W, all_lanes{}, &s[3]);
  }
  for (; i + W <= count; i += W) f(i, all_lanes{}, &s[0]);
  const int n = (int)(count - i);
  if (n > 0) f(i, n, &part);
  const vf first = (s[0].first + s[1].first) + (s[2].first + s[3].first);
  const vf second = (s[0].second + s[1].second) + (s[2].second + s[3].second);
  return {sum(first + keep(part.first, n)), sum(second + keep(part.second, n))};
}

// Rows for one piece of parallel work: some ten microseconds.
inline int64_t row_grain(int64_t cols) { return std::max<int64_t>(1, 2 * kSpan / std::max<int64_t>(1, cols)); }

inline bool same_shape(const gatun_matrix* a, const gatun_matrix* b) { return a->rows == b->rows && a->cols == b->cols; }

// Element type of a pointer that with_compute_type passed.
template <class P>
using element = std::remove_pointer_t<P>;

}  // namespace gatun
