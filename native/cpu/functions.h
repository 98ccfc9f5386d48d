// Elementary functions of vectors. Bounds are in units in the last place (ulp) of f32; FunctionsTest measures them.
// The coefficients are our own minimax fits.
#pragma once
#include "simd.h"

namespace gatun {

// e^x, 2 ulp; 0 below -104, infinity above 88.73, NaN kept.
// x = n ln 2 + r, |r| <= ln 2 / 2; e^r = 1 + r + r^2 P(r), |error of P r^2| < 2^-28. The upper part of ln 2 has 9 bits, so that
// n times it is exact.
inline vf exp(vf x) {
  x = max(set(-104.0f), min(set(89.0f), x));
  const vf n = round_to_int(x * set(1.44269504f));
  vf r = fnma(n, set(0.693359375f), x);
  r = fnma(n, set(-2.12194440e-4f), r);
  vf p = set(0x1.6db42ap-10f);
  p = fma(p, r, set(0x1.123b56p-7f));
  p = fma(p, r, set(0x1.55545ep-5f));
  p = fma(p, r, set(0x1.55548ep-3f));
  p = fma(p, r, set(0.5f));
  return scale_exponent(fma(p, r * r, r) + set(1.0f), n);
}

// 1 / (1 + e^-x), 3 ulp where it is not subnormal.
inline vf sigmoid(vf x) { return set(1.0f) / (set(1.0f) + exp(set(0.0f) - x)); }

struct logistic {
  vf value;  // 1 / (1 + e^-x)
  vf rest;   // 1 - value
  vf decay;  // e^-|x|
};

// Value and rest to 4 ulp each where they are not subnormal: both come from e^-|x|, neither from the other.
inline logistic logistic_at(vf x) {
  const vf decay = exp(set(0) - abs(x)), large = set(1.0f) / (set(1.0f) + decay), small = decay * large;
  const vm negative = less(x, set(0));
  return {select(negative, small, large), select(negative, large, small), decay};
}

// log(1 + x) for x from 0 to 1, 3 ulp. With s = x / (2 + x) it is 2 atanh s = 2 s + 2 s^3 Q(s^2), relative error 2^-27.
inline vf log1p(vf x) {
  const vf s = x / (set(2.0f) + x), u = s * s, twice = s + s;
  vf q = set(0x1.1ed7bep-3f);
  q = fma(q, u, set(0x1.1ebd0ep-3f));
  q = fma(q, u, set(0x1.99d208p-3f));
  q = fma(q, u, set(0x1.555502p-2f));
  return fma(q, u * twice, twice);
}

// tanh x, 3 ulp. |x| < 0.625: x + x^3 Q(x^2), error 2^-27; otherwise 1 - 2 / (e^2|x| + 1) with the sign of x.
inline vf tanh(vf x) {
  const vf u = x * x;
  vf q = set(-0x1.76ac1ap-8f);
  q = fma(q, u, set(0x1.5256d8p-6f));
  q = fma(q, u, set(-0x1.b84448p-5f));
  q = fma(q, u, set(0x1.110768p-3f));
  q = fma(q, u, set(-0x1.555534p-2f));
  const vf small = fma(q, u * x, x);
  const vf size = abs(x);
  const vf large = set(1.0f) - set(2.0f) / (exp(size + size) + set(1.0f));
  return select(less(size, set(0.625f)), small, select(less(x, set(0.0f)), set(0.0f) - large, large));
}

struct normal {
  vf density;       // e^(-x^2/2) / sqrt(2 pi)
  vf distribution;  // (1 + erf(x / sqrt 2)) / 2
};

// The normal distribution, within 2^-22 of either value. With t = 1 / (1 + 0.3 |x|) the upper tail is e^(-x^2/2) t R(t),
// relative error of R 2^-28.
inline normal normal_at(vf x) {
  const vf size = abs(x);
  const vf t = set(1.0f) / fma(set(0.3f), size, set(1.0f));
  const vf e = exp(set(-0.5f) * x * x);
  vf r = set(-0x1.516c22p-6f);
  r = fma(r, t, set(0x1.cbdf1ap-4f));
  r = fma(r, t, set(-0x1.d291c0p-3f));
  r = fma(r, t, set(0x1.87a56ap-3f));
  r = fma(r, t, set(-0x1.435b44p-4f));
  r = fma(r, t, set(0x1.88c11cp-4f));
  r = fma(r, t, set(0x1.417c38p-4f));
  r = fma(r, t, set(0x1.c36f06p-4f));
  r = fma(r, t, set(0x1.e9c714p-4f));
  r = fma(r, t, set(0x1.ea3c6ep-4f));
  const vf tail = e * t * r;
  return {e * set(0.398942280f), select(less(x, set(0.0f)), tail, set(1.0f) - tail)};
}

}  // namespace gatun
