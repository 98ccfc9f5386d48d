package io.gatun.kernels.ops;

import static java.util.stream.Collectors.toMap;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.Activation;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Profile.Operation;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Products that go into a residual or through a gate, against the product and the op after it. */
class MatMulIntoTest {
  private static final int IN = 192;

  /** Few rows of each kernel, and more. */
  private static final int[] TOKENS = {1, 5, 12, 27, 33};

  /** Gate above up; of five rows also bands of other rows, and no 4-bit weight. */
  private static List<Weight> weights(Device device, int tokens, int half, Arena arena) {
    if (tokens != 5) {
      return List.of(gateUp(device, Code.NF4, half, arena));
    }
    return List.of(
        gateUp(device, Code.NF4, half, arena),
        gateUp(device, Code.FP4, half, arena),
        MatMulTest.bands(device, Code.NF4, 64, 2 * half, IN, Layout.TILED, true, arena),
        Samples.random(device, DType.BF16, 2 * half, IN, 7, arena));
  }

  private static Nf4Matrix gateUp(Device device, Code code, int half, Arena arena) {
    return Nf4Matrix.of(
        List.of(band(device, code, half, 11, arena), band(device, code, half, 12, arena)));
  }

  private static Nf4Matrix.Band band(Device device, Code code, int rows, int seed, Arena arena) {
    return Weights.quantized(
        device, code, 64, rows, IN, DType.BF16, Layout.TILED, true, seed, arena);
  }

  private static Matrix input(Device device, int tokens, Arena arena) {
    Matrix x = Matrix.allocate(device, "x", DType.BF16, tokens, IN, arena);
    HostCopy.write(x, Samples.normal(tokens, tokens * IN));
    return x;
  }

  /** The adapter of a weight in all rows but the last of several. */
  private static List<LoraRows> adapter(Device device, Weight w, int tokens, Arena arena) {
    return w instanceof Nf4Matrix m
        ? List.of(
            new LoraRows(
                0, Math.max(1, tokens - 1), LoraFewRowsTest.factors(device, m, 8, 50, arena)))
        : List.of();
  }

  /** Sums in F32 that nothing was done to yet. */
  private static double[] product(
      Matrix x, Weight w, Matrix bias, List<LoraRows> rows, Matrix t, Arena arena) {
    Matrix y =
        Matrix.allocate(x.buffer().device(), "product", DType.F32, x.rows(), w.rows(), arena);
    LoraMatMul.forward(x, x, w, Optional.of(bias), rows, t, y);
    return Samples.values(y);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void ontoAResidual(Devices.Place place) {
    place.run((device, arena) -> {
      for (int tokens : TOKENS) {
        Matrix x = input(device, tokens, arena);
        for (Weight w : weights(device, tokens, 21, arena)) {
          Matrix bias = Samples.random(device, DType.F32, 1, w.rows(), 8, arena);
          Matrix t = Matrix.allocate(device, "t", DType.BF16, tokens, 24, arena);
          for (List<LoraRows> rows :
              List.of(List.<LoraRows>of(), adapter(device, w, tokens, arena))) {
            double[] product = product(x, w, bias, rows, t, arena);
            for (DType type : Samples.COMPUTE) {
              Matrix residual = Samples.random(device, type, tokens, w.rows(), 9, arena);
              Matrix y = Samples.guarded(device, type, tokens, w.rows(), arena);
              if (rows.isEmpty()) {
                MatMul.forwardPlus(x, w, Optional.of(bias), residual, y);
              } else {
                LoraMatMul.forwardPlus(x, x, w, Optional.of(bias), rows, t, residual, y);
              }
              double[] expected = Samples.values(residual);
              for (int i = 0; i < expected.length; i++) {
                expected[i] += product[i];
              }
              var once = Tolerance.of(type, IN);
              once.after(once).check(type + " " + x.shape(), expected, Samples.values(y), product);
              Samples.checkGuards(y);
            }
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void throughAGate(Devices.Place place) {
    place.run((device, arena) -> {
      for (int tokens : TOKENS) {
        Matrix x = input(device, tokens, arena);
        int half = tokens == 5 ? 48 : 21;
        var activation = Activation.values()[tokens % Activation.values().length];
        for (Weight w : weights(device, tokens, half, arena)) {
          Matrix bias = Samples.random(device, DType.F32, 1, w.rows(), 8, arena);
          Matrix t = Matrix.allocate(device, "t", DType.BF16, tokens, 24, arena);
          for (List<LoraRows> rows :
              List.of(List.<LoraRows>of(), adapter(device, w, tokens, arena))) {
            double[] product = product(x, w, bias, rows, t, arena);
            double[] expected = GluReference.forward(activation, product, half);
            for (DType type : Samples.COMPUTE) {
              Matrix scratch = Samples.guarded(device, type, tokens, 2 * half, arena);
              Matrix h = Samples.guarded(device, type, tokens, half, arena);
              if (rows.isEmpty()) {
                MatMul.forwardGlu(x, w, Optional.of(bias), activation, scratch, h);
              } else {
                LoraMatMul.forwardGlu(x, x, w, Optional.of(bias), rows, t, activation, scratch, h);
              }
              var once = Tolerance.of(type, IN);
              String what = activation + " " + type + " " + x.shape();
              once.after(once).after(once).check(what, expected, Samples.values(h));
              Samples.checkGuards(h);
              Samples.checkGuards(scratch);
            }
          }
        }
      }
    });
  }

  @Test
  void fewRowsAreOneLaunch() {
    Devices.emulator((device, arena) -> {
      Matrix x = input(device, 2, arena);
      Nf4Matrix w = gateUp(device, Code.NF4, 16, arena);
      Matrix both = Matrix.allocate(device, "both", DType.BF16, 2, 32, arena);
      Matrix residual = Matrix.allocate(device, "residual", DType.BF16, 2, 32, arena);
      Matrix h = Matrix.allocate(device, "h", DType.BF16, 2, 16, arena);
      var profile =
          device.profile(() -> {
            MatMul.forwardPlus(x, w, Optional.empty(), residual, both);
            MatMul.forwardGlu(x, w, Optional.empty(), Activation.SILU, both, h);
          });
      assertEquals(
          Map.of("nf4_mat_vec_8", 2L),
          profile.operations().stream().collect(toMap(Operation::name, Operation::calls)));
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusals(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = input(device, 1, arena);
      Nf4Matrix w = gateUp(device, Code.NF4, 16, arena);
      Matrix y = Matrix.allocate(device, "y", DType.BF16, 1, 32, arena);
      var none = Optional.<Matrix>empty();
      assertThrows(
          IllegalArgumentException.class,
          () -> MatMul.forwardPlus(x, w, none, y.colSlice(0, 16), y));
      assertThrows(
          IllegalArgumentException.class,
          () -> MatMul.forwardGlu(x, w, none, Activation.SILU, y, y));
    });
  }
}
