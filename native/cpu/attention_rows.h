// Reading rows of k and v with columns in vector lanes, as words of attention_tile.h.
#pragma once
#include "attention_tile.h"

namespace gatun {

// One vector of words of a row, of kWord * W elements.
template <class Dot, class T>
inline vf load_words(const T* p) {
  if constexpr (Dot::kWord == 1) return load(p);
#if defined(__AVX512BF16__)
  if constexpr (Dot::kWord == 2) return _mm512_loadu_ps(p);
#endif
}

// kColumns vectors of words at columns [0, kColumns * W) of kWord consecutive rows, of which `rows` exist.
template <class Dot, int kColumns, class T>
inline void load_columns(const T* p, [[maybe_unused]] int64_t stride, [[maybe_unused]] int rows, vf (&words)[kColumns]) {
  if constexpr (Dot::kWord == 1) {
    for (int c = 0; c < kColumns; c++) words[c] = load(p + c * W);
  }
#if defined(__AVX512BF16__)
  if constexpr (Dot::kWord == 2) {
    static const int16_t kLow[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                     8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const __m512i low = _mm512_loadu_si512(kLow), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    const T* next = rows > 1 ? p + stride : p;
    for (int c = 0; c < kColumns; c += 2) {
      const __m512i a = _mm512_loadu_si512(p + c * W), b = _mm512_loadu_si512(next + c * W);
      words[c] = _mm512_castsi512_ps(_mm512_permutex2var_epi16(a, low, b));
      words[c + 1] = _mm512_castsi512_ps(_mm512_permutex2var_epi16(a, high, b));
    }
  }
#endif
}

// The sums over the lanes of W vectors, in one vector.
inline vf lane_sums(const vf* v) {
#if defined(__AVX512F__)
  vf a[8], b[4], c[2];
  for (int i = 0; i < 8; i++) {
    a[i] = __builtin_shufflevector(v[i], v[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           __builtin_shufflevector(v[i], v[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  }
  for (int i = 0; i < 4; i++) {
    b[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
           __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  }
  for (int i = 0; i < 2; i++) {
    c[i] = __builtin_shufflevector(b[i], b[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           __builtin_shufflevector(b[i], b[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
  return __builtin_shufflevector(c[0], c[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
         __builtin_shufflevector(c[0], c[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
#else
  float sums[W];
  for (int i = 0; i < W; i++) sums[i] = sum(v[i]);
  return load(sums);
#endif
}

}  // namespace gatun
