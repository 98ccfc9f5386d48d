// simd.h for AVX2 with FMA and F16C.
#pragma once
#include <immintrin.h>

namespace gatun {

using vf = __m256;
using vm = __m256;
constexpr int W = 8;

inline __m256i lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline vf set(float x) { return _mm256_set1_ps(x); }
inline vf keep(vf v, int n) { return _mm256_and_ps(v, _mm256_castsi256_ps(lanes(n))); }
inline vf load(const float* p) { return _mm256_loadu_ps(p); }
inline vf load(const float* p, int n) { return _mm256_maskload_ps(p, lanes(n)); }
inline void store(float* p, vf v) { _mm256_storeu_ps(p, v); }
inline void store(float* p, vf v, int n) { _mm256_maskstore_ps(p, lanes(n), v); }

inline __m128i load_halves(const void* p, int n) {
  uint16_t part[8] = {};
  for (int i = 0; i < n && i < 8; i++) part[i] = static_cast<const uint16_t*>(p)[i];
  return _mm_loadu_si128((const __m128i*)part);
}
inline void store_halves(void* p, __m128i h, int n) {
  uint16_t part[8];
  _mm_storeu_si128((__m128i*)part, h);
  for (int i = 0; i < n && i < 8; i++) static_cast<uint16_t*>(p)[i] = part[i];
}

inline vf widen_bf16(__m128i h) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16)); }
inline __m128i narrow_bf16(vf v) {
  const __m256i bits = _mm256_castps_si256(v), high = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i even = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd), 16);
  const __m256i kept = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
  const __m256i h = _mm256_blendv_epi8(even, kept, nan);
  return _mm_packus_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
}
inline vf load(const bf16* p) { return widen_bf16(_mm_loadu_si128((const __m128i*)p)); }
inline vf load(const bf16* p, int n) { return widen_bf16(load_halves(p, n)); }
inline void store(bf16* p, vf v) { _mm_storeu_si128((__m128i*)p, narrow_bf16(v)); }
inline void store(bf16* p, vf v, int n) { store_halves(p, narrow_bf16(v), n); }

constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
inline vf load(const f16* p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)); }
inline vf load(const f16* p, int n) { return _mm256_cvtph_ps(load_halves(p, n)); }
inline void store(f16* p, vf v) { _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph(v, kNearest)); }
inline void store(f16* p, vf v, int n) { store_halves(p, _mm256_cvtps_ph(v, kNearest), n); }

inline vf fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
inline vf fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
inline vf max(vf a, vf b) { return _mm256_max_ps(a, b); }
inline vf min(vf a, vf b) { return _mm256_min_ps(a, b); }
inline vf abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
inline vf sqrt(vf a) { return _mm256_sqrt_ps(a); }
inline vf round_to_int(vf a) { return _mm256_round_ps(a, kNearest); }
inline vf power_of_two(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
// |n| <= 252: in two steps, because 2^n alone may lie outside the range.
inline vf scale_exponent(vf v, vf n) {
  const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
  return v * power_of_two(half) * power_of_two(_mm256_sub_epi32(whole, half));
}

inline vm less(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
inline vm is_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
inline vf select(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }

inline float sum(vf v) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
inline float largest(vf v) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

using vu = __m256i;
inline vu set_bits(uint32_t x) { return _mm256_set1_epi32((int32_t)x); }
inline vu load_bits(const uint32_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
inline vu xor_bits(vu a, vu b) { return _mm256_xor_si256(a, b); }
inline void multiply_wide(vu a, vu k, vu& high, vu& low) {
  const vu even = _mm256_mul_epu32(a, k), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), k);
  low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}
inline vf upper24(vu v) { return _mm256_cvtepi32_ps(_mm256_srli_epi32(v, 8)); }
inline void transpose4(vu v[4]) {
  const vu a = _mm256_unpacklo_epi32(v[0], v[1]), b = _mm256_unpackhi_epi32(v[0], v[1]);
  const vu c = _mm256_unpacklo_epi32(v[2], v[3]), d = _mm256_unpackhi_epi32(v[2], v[3]);
  v[0] = _mm256_unpacklo_epi64(a, c);
  v[1] = _mm256_unpackhi_epi64(a, c);
  v[2] = _mm256_unpacklo_epi64(b, d);
  v[3] = _mm256_unpackhi_epi64(b, d);
}

}  // namespace gatun
