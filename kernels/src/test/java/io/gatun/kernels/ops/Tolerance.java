package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.gatun.kernels.DType;

/**
 * How far a kernel may lie from its reference: the only source of tolerances. With u = 2^-p the
 * unit roundoff of a type with p significant bits, a result that was rounded once to its type after
 * n additions in F32 may be off by
 *
 * <pre>u(type) + (8 + 2 sqrt(n)) u(F32)</pre>
 *
 * relative to the larger of its own size and the root mean square of all results: rounding errors
 * of a sum grow like the root of its length, and a few more roundings come from the factors.
 *
 * @param relative the bound
 */
public record Tolerance(double relative) {
  /**
   * The tolerance of an op.
   *
   * @param dtype type of the results
   * @param reductionLength how many terms are added for one result; 1 for elementwise ops
   * @return the tolerance
   */
  public static Tolerance of(DType dtype, int reductionLength) {
    double sums = (8 + 2 * Math.sqrt(reductionLength)) * unitRoundoff(DType.F32);
    return new Tolerance(unitRoundoff(dtype) + sums);
  }

  /**
   * The tolerance of a result of which a factor was rounded before.
   *
   * @param before the tolerance of the factor
   * @return both together
   */
  public Tolerance after(Tolerance before) {
    return new Tolerance(relative + before.relative);
  }

  private static double unitRoundoff(DType dtype) {
    return Math.scalb(
        1.0,
        switch (dtype) {
          case F32 -> -24;
          case F16 -> -11;
          case BF16 -> -8;
        });
  }

  /**
   * Asserts that results agree; NaN and infinities must agree exactly.
   *
   * @param what for the message
   * @param expected of the reference
   * @param actual of the kernel
   */
  public void check(String what, double[] expected, double[] actual) {
    check(what, expected, actual, expected);
  }

  /**
   * Asserts that results agree where they are small differences of large terms, whose rounding
   * errors remain.
   *
   * @param what for the message
   * @param expected of the reference
   * @param actual of the kernel
   * @param terms for each result the largest term that was added for it
   */
  public void check(String what, double[] expected, double[] actual, double[] terms) {
    assertEquals(expected.length, actual.length, what);
    double size = rootMeanSquare(expected);
    for (int i = 0; i < expected.length; i++) {
      double e = expected[i];
      double a = actual[i];
      boolean equal =
          Double.isFinite(e)
              ? Math.abs(a - e)
                  <= relative * Math.max(Math.max(Math.abs(e), Math.abs(terms[i])), size)
              : Double.compare(a, e) == 0;
      if (!equal) {
        fail("%s: element %d is %s, expected %s within %s".formatted(what, i, a, e, relative));
      }
    }
  }

  private static double rootMeanSquare(double[] values) {
    double sum = 0;
    int count = 0;
    for (double v : values) {
      if (Double.isFinite(v)) {
        sum += v * v;
        count++;
      }
    }
    return count == 0 ? 0 : Math.sqrt(sum / count);
  }
}
