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

}  // namespace gatun
