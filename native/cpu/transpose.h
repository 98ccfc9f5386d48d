// Turning matrices of f32 over, in tiles.
#pragma once
#include "simd.h"

namespace gatun {

#if defined(__AVX512F__)
template <int a, int b, int c, int d>
inline __m512 shuffle_quarters(__m512 x, __m512 y) {
  return __builtin_shufflevector(x, y, 4 * a, 4 * a + 1, 4 * a + 2, 4 * a + 3, 4 * b, 4 * b + 1, 4 * b + 2, 4 * b + 3, 4 * c,
                                 4 * c + 1, 4 * c + 2, 4 * c + 3, 4 * d, 4 * d + 1, 4 * d + 2, 4 * d + 3);
}
inline void transpose_block(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  __m512 a[16], b[16];
  for (int i = 0; i < 16; i++) a[i] = load(from + i * from_stride);
  for (int i = 0; i < 16; i += 2) {
    b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; j++) {
      const __m512 x = b[i + j], y = b[i + j + 2];
      a[i + 2 * j] = __builtin_shufflevector(x, y, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
      a[i + 2 * j + 1] = __builtin_shufflevector(x, y, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
  }
  // a[4 g + j] now holds columns j, j + 4, j + 8, j + 12 of rows 4 g to 4 g + 3.
  for (int j = 0; j < 4; j++) {
    const __m512 low_even = shuffle_quarters<0, 2, 4, 6>(a[j], a[j + 4]);
    const __m512 low_odd = shuffle_quarters<1, 3, 5, 7>(a[j], a[j + 4]);
    const __m512 high_even = shuffle_quarters<0, 2, 4, 6>(a[j + 8], a[j + 12]);
    const __m512 high_odd = shuffle_quarters<1, 3, 5, 7>(a[j + 8], a[j + 12]);
    store(to + j * to_stride, shuffle_quarters<0, 2, 4, 6>(low_even, high_even));
    store(to + (j + 4) * to_stride, shuffle_quarters<0, 2, 4, 6>(low_odd, high_odd));
    store(to + (j + 8) * to_stride, shuffle_quarters<1, 3, 5, 7>(low_even, high_even));
    store(to + (j + 12) * to_stride, shuffle_quarters<1, 3, 5, 7>(low_odd, high_odd));
  }
}
constexpr int kTransposeTile = 16;
#else
inline void transpose_block(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  for (int j = 0; j < 4; j++) {
    for (int i = 0; i < 4; i++) to[j * to_stride + i] = from[i * from_stride + j];
  }
}
constexpr int kTransposeTile = 4;
#endif

// to[j][i] = from[i][j]: rows x cols becomes cols x rows.
inline void transpose(const float* from, int64_t from_stride, int rows, int cols, float* to, int64_t to_stride) {
  for (int i = 0; i < rows; i += kTransposeTile) {
    for (int j = 0; j < cols; j += kTransposeTile) {
      const float* part = from + i * from_stride + j;
      float* out = to + j * to_stride + i;
      if (i + kTransposeTile <= rows && j + kTransposeTile <= cols) {
        transpose_block(part, from_stride, out, to_stride);
        continue;
      }
      for (int y = 0; y < kTransposeTile && j + y < cols; y++) {
        for (int x = 0; x < kTransposeTile && i + x < rows; x++) out[y * to_stride + x] = part[x * from_stride + y];
      }
    }
  }
}

}  // namespace gatun
