package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Bool;
import io.gatun.runtime.text.jinja.Value.Int;
import io.gatun.runtime.text.jinja.Value.Real;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;

/**
 * Python's arithmetic on numbers: exact integers, true and floor division, the divisor's sign for
 * {@code %}.
 */
final class Numbers {
  /**
   * Integers longer than this many bits are refused; Python itself stops printing at about 14,000.
   */
  private static final int MAX_BITS = 10_000;

  private Numbers() {}

  static boolean isNumber(Value value) {
    return value instanceof Int || value instanceof Real || value instanceof Bool;
  }

  /** The value as an integer, for {@code bool} and {@code int}. */
  static BigInteger integer(Value value) {
    return switch (value) {
      case Int i -> i.value();
      case Bool b -> b.value() ? BigInteger.ONE : BigInteger.ZERO;
      case Undefined u -> throw u.error();
      default ->
          throw JinjaException.type(
              "'" + value.type() + "' object cannot be interpreted as an integer");
    };
  }

  /** The value as a number of elements or an index, clamped to the range of {@code int}. */
  static int index(Value value) {
    BigInteger i = integer(value);
    if (i.bitLength() < 32) {
      return i.intValue();
    }
    return i.signum() < 0 ? Integer.MIN_VALUE : Integer.MAX_VALUE;
  }

  static double real(Value value) {
    return value instanceof Real r ? r.value() : integer(value).doubleValue();
  }

  /**
   * A key that is equal exactly when the numbers are: a canonical decimal, or a double where none
   * exists.
   */
  static Object exact(Value value) {
    if (value instanceof Real r) {
      double d = r.value();
      if (Double.isNaN(d) || Double.isInfinite(d)) {
        return d;
      }
      return d == 0 ? BigDecimal.ZERO : new BigDecimal(d).stripTrailingZeros();
    }
    return new BigDecimal(integer(value)).stripTrailingZeros();
  }

  static int compare(Value a, Value b) {
    if (exact(a) instanceof BigDecimal x && exact(b) instanceof BigDecimal y) {
      return x.compareTo(y);
    }
    return Double.compare(real(a), real(b));
  }

  static Value negate(Value value) {
    return value instanceof Real r ? new Real(-r.value()) : new Int(integer(value).negate());
  }

  /** {@code a op b} for two numbers and one of {@code + - * / // % **}. */
  static Value apply(String op, Value a, Value b) {
    if (op.equals("/")) {
      return new Real(checkedDivisor(real(a), real(b), "division by zero"));
    }
    if (op.equals("**")) {
      return power(a, b);
    }
    return a instanceof Real || b instanceof Real
        ? new Real(floating(op, real(a), real(b)))
        : new Int(bounded(whole(op, integer(a), integer(b))));
  }

  private static double checkedDivisor(double a, double b, String message) {
    if (b == 0) {
      throw new JinjaException("ZeroDivisionError", message);
    }
    return a / b;
  }

  private static double floating(String op, double a, double b) {
    return switch (op) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "//" -> {
        checkedDivisor(a, b, "float floor division by zero");
        yield Math.floor((a - modulo(a, b)) / b + 0.5);
      }
      default -> {
        checkedDivisor(a, b, "float modulo");
        yield modulo(a, b);
      }
    };
  }

  private static double modulo(double a, double b) {
    double rest = a % b;
    return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
  }

  private static BigInteger whole(String op, BigInteger a, BigInteger b) {
    switch (op) {
      case "+":
        return a.add(b);
      case "-":
        return a.subtract(b);
      case "*":
        return a.multiply(b);
      default:
        if (b.signum() == 0) {
          throw new JinjaException("ZeroDivisionError", "integer division or modulo by zero");
        }
        BigInteger[] parts = a.divideAndRemainder(b);
        boolean adjust = parts[1].signum() != 0 && parts[1].signum() != b.signum();
        if (op.equals("//")) {
          return adjust ? parts[0].subtract(BigInteger.ONE) : parts[0];
        }
        return adjust ? parts[1].add(b) : parts[1];
    }
  }

  private static Value power(Value a, Value b) {
    if (a instanceof Real || b instanceof Real || integer(b).signum() < 0) {
      double base = real(a);
      double exponent = real(b);
      if (base == 0 && exponent < 0) {
        throw new JinjaException("ZeroDivisionError", "zero to a negative power");
      }
      double result = Math.pow(base, exponent);
      if (Double.isNaN(result) && !Double.isNaN(base) && !Double.isNaN(exponent)) {
        throw JinjaException.value("a negative number to a fractional power has no real value");
      }
      return new Real(result);
    }
    BigInteger base = integer(a);
    int exponent = index(b);
    int bits = base.abs().bitLength();
    if (bits <= 1) {
      return new Int(base.pow(exponent == 0 ? 0 : 2 - (exponent & 1)));
    }
    if ((long) (bits - 1) * exponent > MAX_BITS) {
      throw tooLarge();
    }
    return new Int(bounded(base.pow(exponent)));
  }

  private static BigInteger bounded(BigInteger value) {
    if (value.bitLength() > MAX_BITS) {
      throw tooLarge();
    }
    return value;
  }

  private static JinjaException tooLarge() {
    return JinjaException.limit("an integer of more than " + MAX_BITS + " bits");
  }
}
