package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LoraMatMulBackwardTest {
  static List<LoraGradients> gradients(LoraCase c) {
    var list = new ArrayList<LoraGradients>();
    for (LoraRows r : c.rows()) {
      LoraFactors f = r.factors();
      Matrix a = Samples.random(c.device(), DType.F32, f.a().rows(), c.in(), 40, c.arena());
      var b = new ArrayList<Matrix>();
      for (Sibling s : f.siblings()) {
        b.add(Samples.random(c.device(), DType.F32, s.b().rows(), s.b().cols(), 41, c.arena()));
      }
      list.add(new LoraGradients(a, b));
    }
    return list;
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardEqualsReference(Devices.Place place) {
    LoraCase.eachCase(
        place,
        c -> {
          boolean dropped = c.x() != c.xa();
          Matrix y = Matrix.allocate(c.device(), "y", DType.F32, c.tokens(), c.out(), c.arena());
          LoraMatMul.forward(c.x(), c.xa(), c.w(), Optional.empty(), c.rows(), c.t(), y);
          Matrix dy = Samples.random(c.device(), c.compute(), c.tokens(), c.out(), 6, c.arena());
          List<LoraGradients> grads = gradients(c);
          List<LoraGradients> before = gradients(c);
          Matrix u = Samples.guarded(c.device(), c.compute(), c.tokens(), c.t().cols(), c.arena());
          Matrix dx = Samples.guarded(c.device(), c.compute(), c.tokens(), c.in(), c.arena());
          Matrix dxa = Samples.guarded(c.device(), c.compute(), c.tokens(), c.in(), c.arena());
          if (dropped) {
            LoraMatMul.backwardDropped(dy, c.xa(), c.t(), c.w(), c.rows(), grads, u, dx, dxa);
          } else {
            LoraMatMul.backward(dy, c.xa(), c.t(), c.w(), c.rows(), grads, u, dx);
          }
          double[] dxExpected =
              MatMulReference.backward(c.values(dy), c.weight(), c.tokens(), c.in(), c.out());
          double[] dxaExpected = new double[dxExpected.length];
          LoraCase.addLow(dropped ? dxaExpected : dxExpected, c.in(), c, u, c::a);
          Tolerance.of(c.compute(), c.out() + 64).check("dx", dxExpected, c.values(dx));
          Samples.checkGuards(dx);
          Samples.checkGuards(u);
          if (dropped) {
            Tolerance.of(c.compute(), 64).check("dxa", dxaExpected, c.values(dxa));
            Samples.checkGuards(dxa);
          }
          for (int i = 0; i < c.rows().size(); i++) {
            checkGradients(c, c.rows().get(i), dy, u, before.get(i), grads.get(i));
          }
        });
  }

  static void checkGradients(
      LoraCase c, LoraRows r, Matrix dy, Matrix u, LoraGradients before, LoraGradients after) {
    LoraFactors f = r.factors();
    int ranks = f.a().rows();
    double[] rowsOfDy = LoraCase.part(c.values(dy), c.out(), r.firstRow(), r.rowCount());
    double[] xa = LoraCase.part(c.values(c.xa()), c.in(), r.firstRow(), r.rowCount());
    double[] uExpected = LoraMatMulReference.times(rowsOfDy, c.b(f), r.rowCount(), c.out(), ranks);
    Tolerance.of(c.compute(), c.out()).check("u", uExpected, LoraCase.columns(u, r));
    double[] da =
        LoraMatMulReference.transposedTimes(
            LoraCase.columns(u, r), xa, ranks, r.rowCount(), c.in());
    double[] aSum = LoraMatMulReference.plus(c.values(before.aSum()), da);
    Tolerance.of(DType.F32, c.tokens()).check("dA", aSum, c.values(after.aSum()));
    Samples.checkGuards(after.aSum());
    double[] db =
        LoraMatMulReference.transposedTimes(
            rowsOfDy, LoraCase.columns(c.t(), r), c.out(), r.rowCount(), ranks);
    for (int j = 0; j < f.siblings().size(); j++) {
      Sibling s = f.siblings().get(j);
      double[] expected = c.values(before.bSum().get(j));
      int rank = s.b().cols();
      for (int i = 0; i < expected.length; i++) {
        int at = (s.firstRow() + i / rank) * ranks + s.firstRank() + i % rank;
        expected[i] += s.scale() * db[at];
      }
      Tolerance.of(DType.F32, c.tokens()).check("dB", expected, c.values(after.bSum().get(j)));
      Samples.checkGuards(after.bSum().get(j));
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void gradientsEqualFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      LoraCase c =
          LoraCase.make(device, DType.F32, new int[] {5, 13, 7, 3, 5, 2}, true, false, arena);
      LoraFactors f = c.rows().getFirst().factors();
      Matrix y = Matrix.allocate(device, "y", DType.F32, c.tokens(), c.out(), arena);
      LoraMatMul.forward(c.x(), c.x(), c.w(), Optional.empty(), c.rows(), c.t(), y);
      Matrix dy = Samples.random(device, DType.F32, c.tokens(), c.out(), 6, arena);
      Matrix aSum = Matrix.allocate(device, "a", DType.F32, 5, 13, arena);
      Matrix b0 = Matrix.allocate(device, "b", DType.F32, 7, 3, arena);
      Matrix b1 = Matrix.allocate(device, "b", DType.F32, 5, 2, arena);
      var grads = List.of(new LoraGradients(aSum, List.of(b0, b1)));
      Matrix u = Matrix.allocate(device, "u", DType.F32, c.tokens(), c.t().cols(), arena);
      Matrix dx = Matrix.allocate(device, "dx", DType.F32, c.tokens(), c.in(), arena);
      LoraMatMul.backward(dy, c.x(), c.t(), c.w(), c.rows(), grads, u, dx);

      double[] b = c.b(f);
      compare("dx", x -> output(c, x, c.a(f), b), c.values(c.x()), dy, dx);
      compare("dA", a -> output(c, c.values(c.x()), a, b), c.values(f.a()), dy, aSum);
      for (int j = 0; j < 2; j++) {
        Sibling s = f.siblings().get(j);
        UnaryOperator<double[]> forward =
            changed -> {
              double[] all = b.clone();
              int rank = s.b().cols();
              for (int i = 0; i < changed.length; i++) {
                all[(s.firstRow() + i / rank) * 5 + s.firstRank() + i % rank] =
                    changed[i] * s.scale();
              }
              return output(c, c.values(c.x()), c.a(f), all);
            };
        compare("dB", forward, c.values(s.b()), dy, j == 0 ? b0 : b1);
      }
    });
  }

  private static double[] output(LoraCase c, double[] x, double[] a, double[] b) {
    int ranks = a.length / c.in();
    double[] t = LoraMatMulReference.timesTransposed(x, a, c.tokens(), c.in(), ranks);
    return LoraMatMulReference.plus(
        MatMulReference.forward(x, c.weight(), c.tokens(), c.in(), c.out()),
        LoraMatMulReference.timesTransposed(t, b, c.tokens(), ranks, c.out()));
  }

  private static void compare(
      String what, UnaryOperator<double[]> forward, double[] at, Matrix dy, Matrix gradient) {
    double[] expected = FiniteDifferences.gradient(forward, at, Samples.values(dy));
    Tolerance.of(DType.F32, 64).check(what, expected, Samples.values(gradient));
  }
}
