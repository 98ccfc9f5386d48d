package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;
import java.util.stream.IntStream;

/**
 * {@code y = f(x); dx = dy * f'(x)}. SILU {@code x / (1 + e^-x)}; GELU {@code x P(x)}, P the normal
 * distribution, here with its density p by the series {@code 1/2 + p(x) (x + x^3/3 + x^5/(3*5) +
 * ...)} and beyond 3 by the continued fraction {@code p(x) / (x + 1/(x + 2/(x + 3/...)))} of its
 * tail; GELU_TANH {@code x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))}; RELU {@code max(x, 0)}
 * with slope 0 at 0; TANH with slope {@code 1 / cosh(x)^2}.
 */
final class ActivateReference {
  private ActivateReference() {}

  static double[] forward(Activation f, double[] x) {
    return IntStream.range(0, x.length).mapToDouble(i -> value(f, x[i])).toArray();
  }

  static double[] backward(Activation f, double[] x, double[] dy) {
    return IntStream.range(0, x.length).mapToDouble(i -> dy[i] * slope(f, x[i])).toArray();
  }

  static double value(Activation activation, double x) {
    return switch (activation) {
      case SILU -> x / (1 + Math.exp(-x));
      case GELU -> x * normal(x);
      case GELU_TANH -> x / 2 * (1 + Math.tanh(inner(x)));
      case RELU -> Math.max(x, 0);
      case TANH -> Math.tanh(x);
    };
  }

  static double slope(Activation activation, double x) {
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
      case RELU -> x > 0 ? 1 : 0 * Math.signum(x);
      case TANH -> 1 / Math.pow(Math.cosh(x), 2);
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
