// simd.h for AVX-512 F, BW, DQ, VL. The bf16 conversions are integer ones in both AVX-512 variants: the instruction of
// AVX512_BF16 flushes subnormal numbers to zero.
#pragma once
#include <immintrin.h>

namespace gatun {

using vf = __m512;
using vm = __mmask16;
constexpr int W = 16;

inline vm lanes(int n) { return (vm)((1u << n) - 1); }  // n <= 16

inline vf set(float x) { return _mm512_set1_ps(x); }
inline vf keep(vf v, int n) { return _mm512_maskz_mov_ps(lanes(n), v); }
inline vf load(const float* p) { return _mm512_loadu_ps(p); }
inline vf load(const float* p, int n) { return _mm512_maskz_loadu_ps(lanes(n), p); }
inline void store(float* p, vf v) { _mm512_storeu_ps(p, v); }
inline void store(float* p, vf v, int n) { _mm512_mask_storeu_ps(p, lanes(n), v); }

inline vf widen_bf16(__m256i h) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16)); }
inline __m256i narrow_bf16(vf v) {
  const __m512i bits = _mm512_castps_si512(v), high = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i even = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd), 16);
  const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(even, nan, high, _mm512_set1_epi32(0x40)));
}
inline vf load(const bf16* p) { return widen_bf16(_mm256_loadu_si256((const __m256i*)p)); }
inline vf load(const bf16* p, int n) { return widen_bf16(_mm256_maskz_loadu_epi16(lanes(n), p)); }
inline void store(bf16* p, vf v) { _mm256_storeu_si256((__m256i*)p, narrow_bf16(v)); }
inline void store(bf16* p, vf v, int n) { _mm256_mask_storeu_epi16(p, lanes(n), narrow_bf16(v)); }

constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
inline vf load(const f16* p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p)); }
inline vf load(const f16* p, int n) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes(n), p)); }
inline void store(f16* p, vf v) { _mm256_storeu_si256((__m256i*)p, _mm512_cvtps_ph(v, kNearest)); }
inline void store(f16* p, vf v, int n) { _mm256_mask_storeu_epi16(p, lanes(n), _mm512_cvtps_ph(v, kNearest)); }

inline vf fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
inline vf fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
inline vf max(vf a, vf b) { return _mm512_max_ps(a, b); }
inline vf min(vf a, vf b) { return _mm512_min_ps(a, b); }
inline vf abs(vf a) { return _mm512_abs_ps(a); }
inline vf sqrt(vf a) { return _mm512_sqrt_ps(a); }
inline vf round_to_int(vf a) { return _mm512_roundscale_ps(a, kNearest); }
inline vf scale_exponent(vf v, vf n) { return _mm512_scalef_ps(v, n); }

inline vm less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
inline vm is_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
inline vf select(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }

inline __m256 low_half(vf v) { return _mm512_castps512_ps256(v); }
inline __m256 high_half(vf v) { return _mm512_extractf32x8_ps(v, 1); }
inline float sum(vf v) {
  const __m256 w = _mm256_add_ps(low_half(v), high_half(v));
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
inline float largest(vf v) {
  const __m256 w = _mm256_max_ps(low_half(v), high_half(v));
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

using vu = __m512i;
inline vu set_bits(uint32_t x) { return _mm512_set1_epi32((int32_t)x); }
inline vu load_bits(const uint32_t* p) { return _mm512_loadu_si512(p); }
inline vu xor_bits(vu a, vu b) { return _mm512_xor_si512(a, b); }
inline void multiply_wide(vu a, vu k, vu& high, vu& low) {
  const vu even = _mm512_mul_epu32(a, k), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), k);
  low = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
  high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
}
inline vf upper24(vu v) { return _mm512_cvtepi32_ps(_mm512_srli_epi32(v, 8)); }
inline void transpose4(vu v[4]) {
  const vu a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
  const vu c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
  v[0] = _mm512_unpacklo_epi64(a, c);
  v[1] = _mm512_unpackhi_epi64(a, c);
  v[2] = _mm512_unpacklo_epi64(b, d);
  v[3] = _mm512_unpackhi_epi64(b, d);
}

}  // namespace gatun
