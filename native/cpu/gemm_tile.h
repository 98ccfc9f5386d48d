// The micro-kernel: one tile of outputs, MR rows by NV vectors, kept in registers over the whole of its sums.
//
// A sum runs over spans, one after another: x times w, then, say, the low-rank terms. In the left operand the terms of a sum lie
// beside each other; the right operand was packed into a panel. Compute type f32: one step is one term, a panel row holds NV
// vectors of f32. Compute type bf16: one step is a pair of terms; with a dot-product instruction a panel row holds NV vectors of
// pairs, without it two rows of f32 that hold bf16 values, so the rounding points are the same.
#pragma once
#include "simd.h"

namespace gatun {

#if defined(__AVX512BF16__)
constexpr bool kDotProduct = true;
#else
constexpr bool kDotProduct = false;
#endif

// Type of a panel's elements for a compute type, terms in a step, and the widest tile.
template <class X>
struct Compute {
  using Packed = float;
  static constexpr int kGroup = 1;
};
template <>
struct Compute<bf16> {
  using Packed = std::conditional_t<kDotProduct, bf16, float>;
  static constexpr int kGroup = 2;
};

constexpr int kColumns = 64;                          // columns of a panel
constexpr int kStripVectors = W == 16 ? 4 : 2;        // vectors of a tile: registers allow
constexpr int kStrip = kStripVectors * W;             // columns of a strip; a panel is kColumns / kStrip strips
constexpr int tile_rows(int vectors) { return W == 16 && vectors < 4 ? 8 : 6; }

// Columns a panel keeps for a strip of n <= kStrip columns.
inline int strip_width(int n) { return (n + W - 1) / W * W; }

template <class X>
struct Span {
  const X* a = nullptr;  // first row of the tile
  int64_t lda = 0;
  const typename Compute<X>::Packed* b = nullptr;  // first panel row
  int64_t depth = 0;                               // terms, a multiple of the group
};

constexpr int kSpans = 4;

template <class X>
struct Spans {
  Span<X> list[kSpans];
  int count = 0;
  void add(const X* a, int64_t lda, const typename Compute<X>::Packed* b, int64_t depth) {
    if (depth > 0) list[count++] = {a, lda, b, depth};
  }
};

#if defined(__AVX512F__)
using pair = __m512i;
inline pair load_pair(const bf16* p) {
  int32_t x;
  std::memcpy(&x, p, 4);
  return _mm512_set1_epi32(x);
}
inline vf first_of(pair p) { return _mm512_castsi512_ps(_mm512_slli_epi32(p, 16)); }
inline vf second_of(pair p) { return _mm512_castsi512_ps(_mm512_and_si512(p, _mm512_set1_epi32(0xffff0000))); }
#elif defined(__AVX2__)
using pair = __m256i;
inline pair load_pair(const bf16* p) {
  int32_t x;
  std::memcpy(&x, p, 4);
  return _mm256_set1_epi32(x);
}
inline vf first_of(pair p) { return _mm256_castsi256_ps(_mm256_slli_epi32(p, 16)); }
inline vf second_of(pair p) { return _mm256_castsi256_ps(_mm256_and_si256(p, _mm256_set1_epi32(0xffff0000))); }
#else
using pair = const bf16*;
inline pair load_pair(const bf16* p) { return p; }
inline vf first_of(pair p) { return set(to_float(p[0])); }
inline vf second_of(pair p) { return set(to_float(p[1])); }
#endif

template <int NV>
inline void load_row(const float* b, vf* v) {
#pragma GCC unroll 4
  for (int j = 0; j < NV; j++) v[j] = load(b + j * W);
}

template <int MR, int NV>
inline void add_span(const Span<float>& span, const float* const* a, vf (*acc)[NV]) {
  const float* b = span.b;
  for (int64_t k = 0; k < span.depth; k++, b += NV * W) {
    vf v[NV];
    load_row<NV>(b, v);
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++) {
      const vf x = set(a[i][k]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] = fma(x, v[j], acc[i][j]);
    }
  }
}

template <int MR, int NV>
inline void add_span(const Span<bf16>& span, const bf16* const* a, vf (*acc)[NV]) {
#if defined(__AVX512BF16__)
  const bf16* b = span.b;
  for (int64_t k = 0; k < span.depth; k += 2, b += 2 * NV * W) {
    __m512bh v[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) v[j] = (__m512bh)_mm512_loadu_si512(b + 2 * j * W);
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++) {
      const __m512bh x = (__m512bh)load_pair(a[i] + k);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], x, v[j]);
    }
  }
#else
  const float* b = span.b;
  for (int64_t k = 0; k < span.depth; k += 2, b += 2 * NV * W) {
    vf v[NV], w[NV];
    load_row<NV>(b, v);
    load_row<NV>(b + NV * W, w);
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++) {
      const pair p = load_pair(a[i] + k);
      const vf x = first_of(p), y = second_of(p);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] = fma(x, v[j], acc[i][j]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) acc[i][j] = fma(y, w[j], acc[i][j]);
    }
  }
#endif
}

// c[i][j] = (carry ? c[i][j] : 0) + the sums, for i < rows <= MR. Rows beyond are computed as copies of the last one.
template <class X, int MR, int NV>
void tile(const Spans<X>& spans, int rows, float* c, int64_t ldc, bool carry) {
  vf acc[MR][NV];
#pragma GCC unroll 8
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) acc[i][j] = set(0);
  }
  for (int s = 0; s < spans.count; s++) {
    const Span<X>& span = spans.list[s];
    const X* a[MR];
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++) a[i] = span.a + (i < rows ? i : rows - 1) * span.lda;
    add_span<MR, NV>(span, a, acc);
  }
#pragma GCC unroll 8
  for (int i = 0; i < MR; i++) {
    if (i >= rows) break;
#pragma GCC unroll 4
    for (int j = 0; j < NV; j++) {
      float* sum = c + i * ldc + j * W;
      store(sum, carry ? load(sum) + acc[i][j] : acc[i][j]);
    }
  }
}

template <class X, int NV>
void tile_of_width(const Spans<X>& spans, int rows, float* c, int64_t ldc, bool carry) {
  constexpr int kRows = tile_rows(NV);
  if (rows <= 2) {
    tile<X, 2, NV>(spans, rows, c, ldc, carry);
  } else if (rows <= kRows / 2) {
    tile<X, kRows / 2, NV>(spans, rows, c, ldc, carry);
  } else {
    tile<X, kRows, NV>(spans, rows, c, ldc, carry);
  }
}

// A tile of a strip of `width` columns (a multiple of W), at most tile_rows(width / W) rows.
template <class X>
void any_tile(const Spans<X>& spans, int rows, int width, float* c, int64_t ldc, bool carry) {
  switch (width / W) {
    case 1: return tile_of_width<X, 1>(spans, rows, c, ldc, carry);
    case 2: return tile_of_width<X, 2>(spans, rows, c, ldc, carry);
#if defined(__AVX512F__)
    case 3: return tile_of_width<X, 3>(spans, rows, c, ldc, carry);
    default: return tile_of_width<X, 4>(spans, rows, c, ldc, carry);
#endif
  }
}

}  // namespace gatun
