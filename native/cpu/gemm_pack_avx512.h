// Packing with AVX-512. A panel is made of 32-bit words, 16 a vector: a word is one f32 term, or a pair of bf16 terms where the
// product is a dot product of pairs.
#pragma once
#include "gemm_pack.h"

#if defined(__AVX512F__)
namespace gatun {

template <class X>
constexpr bool kPairs = sizeof(typename Compute<X>::Packed) == 2;
template <class X>
constexpr int kWordTerms = kPairs<X> ? 2 : 1;

// f32 terms, rounded to the compute type, as f32.
template <class X>
inline vf round_terms(vf v) {
  return std::is_same_v<X, bf16> ? widen_bf16(narrow_bf16(v)) : v;
}

#if defined(__AVX512BF16__)
// Words (low[i], high[i]).
inline __m512i pair_words(vf low, vf high) {
  const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                              5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(interleave, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}
// Words (first[0], first[1]), (first[2], first[3]) ... (second[14], second[15]).
inline __m512i successive_words(vf first, vf second) { return (__m512i)_mm512_cvtne2ps_pbh(second, first); }
#else
inline __m512i pair_words(vf low, vf) { return _mm512_castps_si512(low); }
inline __m512i successive_words(vf first, vf) { return _mm512_castps_si512(first); }
#endif

// Up to 16 elements of a dense row as f32, zeros after n.
inline vf load_terms(const gatun_matrix& m, int64_t row, int64_t col, int n) {
  if (n <= 0) return set(0);
  if (n > W) n = W;
  if (m.dtype == GATUN_F32) return load(gatun::row<const float>(&m, row) + col, n);
  if (m.dtype == GATUN_BF16) return load(gatun::row<const bf16>(&m, row) + col, n);
  return load(gatun::row<const f16>(&m, row) + col, n);
}

// r[i][j] becomes r[j][i].
inline void transpose(__m512i* r) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

// Each returns false, having written nothing, for a source it does not know.
template <class X>
bool pack_tiled(const Source& source, int64_t col, int columns, int64_t first, int64_t depth, typename Compute<X>::Packed* panel);
template <class X>
bool pack_dense(const Source& source, int64_t col, int columns, int64_t first, int64_t depth, typename Compute<X>::Packed* panel);

}  // namespace gatun
#endif
