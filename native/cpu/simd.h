// One small vector vocabulary, so that an op is written once and compiled for every variant.
//   vf: W floats.  vm: W truth values.  load/store convert from and to f32, bf16 and f16 (round to nearest even, NaN kept).
//   load(p, n) fills the lanes from n on with zero and reads nothing beyond; store(p, v, n) writes n lanes; keep(v, n) zeroes
//   the lanes from n on. n may be all_lanes{}, so that one body serves whole vectors and the last, shorter one.
//   set round_to_int sqrt abs max min fma(a,b,c)=a*b+c  fnma(a,b,c)=c-a*b  scale_exponent(v, n)=v*2^n
//   less(a,b) is_nan(a) select(m,a,b)=m?a:b   sum(v), largest(v): across lanes, in a fixed order.
//   vu: W unsigned integers.  set_bits load_bits xor_bits multiply_wide(a, k, high, low)=a*k in 64 bits  upper24(v)=v>>8 as f32
//   transpose4(v): turns each 4 x 4 tile, which is the same 4 lanes of 4 vectors.
// Operators + - * / work on vf. max and min return their second argument when the first is NaN.
// fma is fused except in the plain variant: a result whose bits are promised must not use it.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "gatun_kernels.h"

namespace gatun {

struct all_lanes {};

struct bf16 {
  uint16_t bits;
};
struct f16 {
  uint16_t bits;
};

inline uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
inline float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

inline float to_float(float x) { return x; }
inline float to_float(bf16 x) { return float_of((uint32_t)x.bits << 16); }
inline float to_float(f16 x) {
  const uint32_t sign = (uint32_t)(x.bits & 0x8000) << 16, rest = x.bits & 0x7fff;
  if (rest >= 0x7c00) return float_of(sign | 0x7f800000 | (rest & 0x3ff) << 13 | (rest > 0x7c00 ? 0x400000 : 0));
  // Numbers below 2^-14 have no hidden bit: 2^-24 times an integer, exact in f32.
  if (rest < 0x400) return float_of(sign | bits_of((float)rest * 0x1p-24f));
  return float_of(sign | ((rest << 13) + 0x38000000));
}

template <class T>
T from_float(float x);
template <>
inline float from_float<float>(float x) {
  return x;
}
template <>
inline bf16 from_float<bf16>(float x) {
  const uint32_t bits = bits_of(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return {(uint16_t)(bits >> 16 | 0x40)};
  return {(uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}
template <>
inline f16 from_float<f16>(float x) {
  const uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return {(uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff))};
  if (rest >= 0x477ff000) return {(uint16_t)(sign | 0x7c00)};  // 65520 and above round to infinity
  // Below 2^-14: adding 1/2 puts the last kept bit at 2^-24, and the addition rounds to nearest even.
  if (rest < 0x38800000) return {(uint16_t)(sign | (bits_of(float_of(rest) + 0.5f) - 0x3f000000))};
  return {(uint16_t)(sign | ((rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13))};
}

}  // namespace gatun

#if defined(__AVX512F__)
#include "simd_avx512.h"
#elif defined(__AVX2__)
#include "simd_avx2.h"
#else
#include "simd_plain.h"
#endif

namespace gatun {

template <class T>
inline vf load(const T* p, all_lanes) {
  return load(p);
}
template <class T>
inline void store(T* p, vf v, all_lanes) {
  store(p, v);
}
inline vf keep(vf v, all_lanes) { return v; }

template <class T>
inline T* row(const gatun_matrix* m, int64_t i) {
  return static_cast<T*>(m->data) + i * m->stride;
}

// Calls f with a null pointer of the element type of m: f32 or bf16, the two compute types. False for any other.
template <class F>
inline bool with_compute_type(const gatun_matrix* m, F f) {
  if (m->dtype == GATUN_F32) return f(static_cast<float*>(nullptr)), true;
  if (m->dtype == GATUN_BF16) return f(static_cast<bf16*>(nullptr)), true;
  return false;
}

}  // namespace gatun
