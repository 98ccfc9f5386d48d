// Elementary functions, as native/cpu/functions.h has them: same approximations; FunctionsTest measures the bounds. They are an
// ulp or two wider where a division is the hardware's reciprocal.

// e^x, 2 ulp; 0 below -104, infinity above 88.73, NaN kept. x = n ln 2 + r; the upper part of ln 2 has 9 bits, so that n times
// it is exact. Added to 3 * 2^22, a number is rounded to an integer, which is then in the lower bits of the sum. 2^n is in two
// factors, as it may be subnormal.
DEVICE float exponential(float x) {
  constexpr float SHIFT = 0x3p22f;
  x = max_or_nan(min_or_nan(x, 89.0f), -104.0f);
  const float shifted = __fmaf_rn(x, 1.44269504f, SHIFT), n = shifted - SHIFT;
  const float r = __fmaf_rn(-n, -2.12194440e-4f, __fmaf_rn(-n, 0.693359375f, x));
  float p = 0x1.6db42ap-10f;
  p = __fmaf_rn(p, r, 0x1.123b56p-7f);
  p = __fmaf_rn(p, r, 0x1.55545ep-5f);
  p = __fmaf_rn(p, r, 0x1.55548ep-3f);
  p = __fmaf_rn(p, r, 0.5f);
  const u32 whole = __float_as_uint(shifted), half = whole >> 1, one = 127u << 23;
  const float low = __uint_as_float((half << 23) + one), high = __uint_as_float((whole - half << 23) + one);
  return (__fmaf_rn(p, r * r, r) + 1.0f) * low * high;
}

// 1 / (1 + e^-x), 4 ulp where it is not subnormal.
DEVICE float sigmoid(float x) { return reciprocal_approx(1.0f + exponential(-x)); }

struct Logistic {
  float value;  // 1 / (1 + e^-x)
  float rest;   // 1 - value
  float decay;  // e^-|x|
};
// Value and rest to 5 ulp each where they are not subnormal: both come from e^-|x|, neither from the other.
DEVICE Logistic logistic_at(float x) {
  const float decay = exponential(-fabsf(x)), large = reciprocal_approx(1.0f + decay), small = decay * large;
  return x < 0 ? Logistic{small, large, decay} : Logistic{large, small, decay};
}

// log(1 + x) for x from 0 to 1, 3 ulp. With s = x / (2 + x) it is 2 atanh s = 2 s + 2 s^3 Q(s^2).
DEVICE float logarithm_of_one_and(float x) {
  const float s = x / (2.0f + x), u = s * s, twice = s + s;
  float q = 0x1.1ed7bep-3f;
  q = __fmaf_rn(q, u, 0x1.1ebd0ep-3f);
  q = __fmaf_rn(q, u, 0x1.99d208p-3f);
  q = __fmaf_rn(q, u, 0x1.555502p-2f);
  return __fmaf_rn(q, u * twice, twice);
}

// tanh x, 3 ulp. |x| < 0.625: x + x^3 Q(x^2); otherwise 1 - 2 / (e^2|x| + 1) with the sign of x.
DEVICE float hyperbolic_tangent(float x) {
  const float u = x * x, size = fabsf(x);
  if (size < 0.625f) {
    float q = -0x1.76ac1ap-8f;
    q = __fmaf_rn(q, u, 0x1.5256d8p-6f);
    q = __fmaf_rn(q, u, -0x1.b84448p-5f);
    q = __fmaf_rn(q, u, 0x1.110768p-3f);
    q = __fmaf_rn(q, u, -0x1.555534p-2f);
    return __fmaf_rn(q, u * x, x);
  }
  const float large = 1.0f - 2.0f / (exponential(size + size) + 1.0f);
  return x < 0 ? -large : large;
}

struct Normal {
  float density;       // e^(-x^2/2) / sqrt(2 pi)
  float distribution;  // (1 + erf(x / sqrt 2)) / 2
};
// The normal distribution, within 2^-22 of either value. With t = 1 / (1 + 0.3 |x|) the upper tail is e^(-x^2/2) t R(t).
DEVICE Normal normal_at(float x) {
  const float t = 1.0f / __fmaf_rn(0.3f, fabsf(x), 1.0f), e = exponential(-0.5f * x * x);
  float r = -0x1.516c22p-6f;
  r = __fmaf_rn(r, t, 0x1.cbdf1ap-4f);
  r = __fmaf_rn(r, t, -0x1.d291c0p-3f);
  r = __fmaf_rn(r, t, 0x1.87a56ap-3f);
  r = __fmaf_rn(r, t, -0x1.435b44p-4f);
  r = __fmaf_rn(r, t, 0x1.88c11cp-4f);
  r = __fmaf_rn(r, t, 0x1.417c38p-4f);
  r = __fmaf_rn(r, t, 0x1.c36f06p-4f);
  r = __fmaf_rn(r, t, 0x1.e9c714p-4f);
  r = __fmaf_rn(r, t, 0x1.ea3c6ep-4f);
  const float tail = e * t * r;
  return {e * 0.398942280f, x < 0 ? tail : 1.0f - tail};
}

// The activations: functions of one number with their slopes.
struct ValueAndSlope {
  float value, slope;
};

struct Silu {
  DEVICE float value(float x) { return x * sigmoid(x); }
  DEVICE ValueAndSlope both(float x) {
    const Logistic at = logistic_at(x);
    return {x * at.value, __fmaf_rn(x, at.value * at.rest, at.value)};
  }
};

struct Gelu {
  DEVICE float value(float x) { return x * normal_at(x).distribution; }
  DEVICE ValueAndSlope both(float x) {
    const Normal at = normal_at(x);
    return {x * at.distribution, __fmaf_rn(x, at.density, at.distribution)};
  }
};

// x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): the sigmoid keeps its digits where tanh nears -1.
struct GeluTanh {
  static constexpr float TWO_ROOT = 1.59576912f, CUBE = 0.044715f;
  DEVICE float twice(float x) { return TWO_ROOT * __fmaf_rn(CUBE * x * x, x, x); }
  DEVICE float value(float x) { return x * sigmoid(twice(x)); }
  // The square is kept finite: where it is not, the factor before it is 0.
  DEVICE ValueAndSlope both(float x) {
    const Logistic at = logistic_at(twice(x));
    const float square = x * x, inner = TWO_ROOT * __fmaf_rn(3 * CUBE, square > 1e30f ? 1e30f : square, 1.0f);
    return {x * at.value, __fmaf_rn(x * (at.value * at.rest), inner, at.value)};
  }
};

// NaN stays, in the slope too; the slope at 0 is 0.
struct Relu {
  DEVICE float value(float x) { return x < 0 ? 0 : x; }
  DEVICE ValueAndSlope both(float x) { return {value(x), x != x ? x : x > 0 ? 1.0f : 0.0f}; }
};

// The slope 1 - tanh^2 as 4 e / (1 + e)^2 with e = e^-2|x|, which keeps its digits where tanh nears 1.
struct Tanh {
  DEVICE float value(float x) { return hyperbolic_tangent(x); }
  DEVICE ValueAndSlope both(float x) {
    const float size = fabsf(x), e = exponential(-size - size), part = 2.0f / (1.0f + e);
    return {value(x), e * part * part};
  }
};

// f(function) for an ordinal of io.gatun.kernels.Activation.
template <class F>
DEVICE void with_activation(int activation, F f) {
  switch (activation) {
    case 0: return f(Silu{});
    case 1: return f(Gelu{});
    case 2: return f(GeluTanh{});
    case 3: return f(Relu{});
    default: return f(Tanh{});
  }
}
