// The activations: functions of one number with their slopes. Glu and Activate share them.
#pragma once
#include "functions.h"

namespace gatun {

struct value_and_slope {
  vf value, slope;
};

struct silu {
  static vf value(vf x) { return x * sigmoid(x); }
  static value_and_slope both(vf x) {
    const logistic at = logistic_at(x);
    return {x * at.value, fma(x, at.value * at.rest, at.value)};
  }
};

struct gelu {
  static vf value(vf x) { return x * normal_at(x).distribution; }
  static value_and_slope both(vf x) {
    const normal at = normal_at(x);
    return {x * at.distribution, fma(x, at.density, at.distribution)};
  }
};

// x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): the sigmoid keeps its digits where tanh nears -1.
// twice is 2 u.
struct gelu_tanh {
  static constexpr float kTwoRoot = 1.59576912f, kCube = 0.044715f;
  static vf twice(vf x) { return set(kTwoRoot) * fma(set(kCube) * x * x, x, x); }
  static vf value(vf x) { return x * sigmoid(twice(x)); }
  // The square is kept finite: where it is not, the factor before it is 0.
  static value_and_slope both(vf x) {
    const logistic at = logistic_at(twice(x));
    const vf square = min(set(1e30f), x * x), inner = set(kTwoRoot) * fma(set(3 * kCube), square, set(1.0f));
    return {x * at.value, fma(x * (at.value * at.rest), inner, at.value)};
  }
};

// NaN stays, in the slope too; the slope at 0 is 0.
struct relu {
  static vf value(vf x) { return max(set(0), x); }
  static value_and_slope both(vf x) {
    const vf step = select(less(set(0), x), set(1.0f), set(0));
    return {value(x), select(is_nan(x), x, step)};
  }
};

// The slope 1 - tanh^2 as 4 e / (1 + e)^2 with e = e^-2|x|, which keeps its digits where tanh nears 1.
struct hyperbolic_tangent {
  static vf value(vf x) { return tanh(x); }
  static value_and_slope both(vf x) {
    const vf size = abs(x), e = exp(set(0) - size - size), part = set(2.0f) / (set(1.0f) + e);
    return {value(x), e * part * part};
  }
};

// Returns what f returns for the functions of a gatun_activation; false for any other number.
template <class F>
bool with_activation(int32_t activation, F f) {
  switch (activation) {
    case GATUN_SILU:
      return f(silu{});
    case GATUN_GELU:
      return f(gelu{});
    case GATUN_GELU_TANH:
      return f(gelu_tanh{});
    case GATUN_RELU:
      return f(relu{});
    case GATUN_TANH:
      return f(hyperbolic_tangent{});
    default:
      return false;
  }
}

}  // namespace gatun
