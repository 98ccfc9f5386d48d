package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;

/**
 * {@code h = f(gate) * up}; {@code dGate = dh * up * f'(gate); dUp = dh * f(gate)}. SILU {@code x /
 * (1 + e^-x)}; GELU {@code x P(x)}, P the normal distribution, here with its density p by the
 * series {@code 1/2 + p(x) (x + x^3/3 + x^5/(3*5) + ...)} and beyond 3 by the continued fraction
 * {@code p(x) / (x + 1/(x + 2/(x + 3/...)))} of its tail; GELU_TANH {@code x / 2 (1 + tanh(sqrt(2 /
 * pi) (x + 0.044715 x^3)))}.
 */
final class GluReference {
  private GluReference() {}

  static double[] forward(Activation activation, double[] gateUp, int f) {
    var h = new double[gateUp.length / 2];
    for (int i = 0; i < h.length; i++) {
      int gate = i / f * 2 * f + i % f;
      h[i] = value(activation, gateUp[gate]) * gateUp[gate + f];
    }
    return h;
  }

  static double[] backward(Activation activation, double[] gateUp, double[] dh, int f) {
    var d = new double[gateUp.length];
    for (int i = 0; i < dh.length; i++) {
      int gate = i / f * 2 * f + i % f;
      d[gate] = dh[i] * gateUp[gate + f] * slope(activation, gateUp[gate]);
      d[gate + f] = dh[i] * value(activation, gateUp[gate]);
    }
    return d;
  }

  static double value(Activation activation, double x) {
    return switch (activation) {
      case SILU -> x / (1 + Math.exp(-x));
      case GELU -> x * normal(x);
      case GELU_TANH -> x / 2 * (1 + Math.tanh(inner(x)));
    };
  }

  private static double slope(Activation activation, double x) {
    return switch (activation) {
      case SILU -> {
        double s = 1 / (1 + Math.exp(-x));
        yield s * (1 + x * (1 - s));
      }
      case GELU -> normal(x) + x * density(x);
      case GELU_TANH -> {
        double t = Math.tanh(inner(x));
        double dInner = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
        yield (1 + t) / 2 + x / 2 * (1 - t * t) * dInner;
      }
    };
  }

  private static double inner(double x) {
    return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
  }

  private static double density(double x) {
    return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  private static double normal(double x) {
    if (Math.abs(x) > 3) {
      double fraction = Math.abs(x);
      for (int k = 200; k > 0; k--) {
        fraction = Math.abs(x) + k / fraction;
      }
      double tail = density(x) / fraction;
      return x < 0 ? tail : 1 - tail;
    }
    double term = x;
    double sum = 0;
    for (int k = 1; k < 100; k++) {
      sum += term;
      term *= x * x / (2 * k + 1);
    }
    return 0.5 + density(x) * sum;
  }
}
