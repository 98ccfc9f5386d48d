// simd.h in plain C++ with the compiler's own vectors of 16 bytes, which every 64-bit machine has.
#pragma once

namespace gatun {

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vm __attribute__((vector_size(16)));
constexpr int W = 4;

inline vf set(float x) { return vf{x, x, x, x}; }
inline vf keep(vf v, int n) {
  for (int i = n; i < W; i++) v[i] = 0;
  return v;
}

template <class T>
inline vf load(const T* p) {
  return vf{to_float(p[0]), to_float(p[1]), to_float(p[2]), to_float(p[3])};
}
template <class T>
inline vf load(const T* p, int n) {
  vf v = {};
  for (int i = 0; i < n && i < W; i++) v[i] = to_float(p[i]);
  return v;
}
template <class T>
inline void store(T* p, vf v) {
  for (int i = 0; i < W; i++) p[i] = from_float<T>(v[i]);
}
template <class T>
inline void store(T* p, vf v, int n) {
  for (int i = 0; i < n && i < W; i++) p[i] = from_float<T>(v[i]);
}

typedef uint32_t vu __attribute__((vector_size(16)));

inline vf load(const bf16* p) { return (vf)(vu{p[0].bits, p[1].bits, p[2].bits, p[3].bits} << 16); }
inline void store(bf16* p, vf v) {
  const vu bits = (vu)v, high = bits >> 16;
  const vu rounded = v == v ? (bits + 0x7fff + (high & 1)) >> 16 : high | 0x40;
  for (int i = 0; i < W; i++) p[i].bits = (uint16_t)rounded[i];
}

inline vm less(vf a, vf b) { return a < b; }
inline vm is_nan(vf a) { return a != a; }
inline vf select(vm m, vf a, vf b) { return m ? a : b; }

inline vf fma(vf a, vf b, vf c) { return a * b + c; }
inline vf fnma(vf a, vf b, vf c) { return c - a * b; }
inline vf max(vf a, vf b) { return a > b ? a : b; }
inline vf min(vf a, vf b) { return a < b ? a : b; }
inline vf abs(vf a) { return (vf)((vm)a & 0x7fffffff); }
inline vf sqrt(vf a) { return vf{std::sqrt(a[0]), std::sqrt(a[1]), std::sqrt(a[2]), std::sqrt(a[3])}; }
// Adding and subtracting 1.5 * 2^23 leaves the nearest integer, for |a| < 2^22.
inline vf round_to_int(vf a) { return (a + 12582912.0f) - 12582912.0f; }
inline vf power_of_two(vm n) { return (vf)((n + 127) << 23); }
// |n| <= 252: in two steps, because 2^n alone may lie outside the range.
inline vf scale_exponent(vf v, vf n) {
  const vm whole = __builtin_convertvector(n, vm), half = whole >> 1;
  return v * power_of_two(half) * power_of_two(whole - half);
}

inline float sum(vf v) { return (v[0] + v[2]) + (v[1] + v[3]); }
inline float largest(vf v) {
  const float a = v[0] > v[2] ? v[0] : v[2], b = v[1] > v[3] ? v[1] : v[3];
  return a > b ? a : b;
}

inline vu set_bits(uint32_t x) { return vu{x, x, x, x}; }
inline vu load_bits(const uint32_t* p) { return vu{p[0], p[1], p[2], p[3]}; }
inline vu xor_bits(vu a, vu b) { return a ^ b; }
inline void multiply_wide(vu a, vu k, vu& high, vu& low) {
  for (int i = 0; i < W; i++) {
    const uint64_t product = (uint64_t)a[i] * k[i];
    high[i] = (uint32_t)(product >> 32);
    low[i] = (uint32_t)product;
  }
}
inline vf upper24(vu v) { return __builtin_convertvector((vm)(v >> 8), vf); }
inline void transpose4(vu v[4]) {
  const vu a = v[0], b = v[1], c = v[2], d = v[3];
  for (int i = 0; i < 4; i++) v[i] = vu{a[i], b[i], c[i], d[i]};
}

}  // namespace gatun
