package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.gatun.kernels.Activation;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The small ops give the same bytes whatever the number of threads. */
class ThreadCountTest {
  private static final int ROWS = 40;
  private static final int COLS = 8194;

  static List<CpuVariant> variants() {
    return CpuVariant.available();
  }

  @ParameterizedTest
  @MethodSource("variants")
  void bytesDoNotDependOnTheNumberOfThreads(CpuVariant variant) {
    for (DType dtype : Samples.COMPUTE) {
      List<float[]> one = results(variant, 1, dtype);
      for (int threads : new int[] {2, 3, 7}) {
        List<float[]> several = results(variant, threads, dtype);
        for (int i = 0; i < one.size(); i++) {
          assertArrayEquals(one.get(i), several.get(i), "result %d of %s".formatted(i, dtype));
        }
      }
    }
  }

  private static List<float[]> results(CpuVariant variant, int threads, DType dtype) {
    try (Device device = Device.cpu(threads, variant);
        Arena arena = Arena.ofConfined()) {
      var results = new ArrayList<float[]>();
      Matrix x = Samples.random(device, dtype, ROWS, COLS, 1, arena);
      Matrix y = Samples.random(device, dtype, ROWS, COLS, 2, arena);
      Matrix half = x.colSlice(0, COLS / 2);
      Matrix row = Samples.random(device, DType.F32, ROWS, 1, 3, arena);
      Matrix zeros = Matrix.allocate(device, "zeros", DType.F32, ROWS, COLS, arena);
      Matrix gamma = Samples.random(device, DType.F32, 1, COLS / 2, 4, arena);
      Matrix rstd = Samples.guarded(device, DType.F32, ROWS, 2, arena);
      var ids = Samples.ints(device, Samples.below(5, ROWS, 7), arena);
      results.add(new float[] {(float) SquaredNorm.run(x), Float.intBitsToFloat(bits(x))});
      RmsNorm.forward(x, gamma, 1, 1e-6f, y, rstd);
      RmsNorm.backwardSum(x, x, gamma, 1, rstd, y);
      Glu.backward(Activation.GELU, y, half, y);
      Glu.forward(Activation.SILU, y, half);
      Embedding.backward(y, ids, 2, x.rowSlice(0, 7));
      Dropout.backwardSum(y, new DropoutKey(1, 2, 3), ids, 0.5f, x);
      Rope.forward(x, gamma(device, arena), gamma(device, arena), 2);
      Cast.run(x, y);
      Add.run(x, y);
      SoftCap.run(y, 3);
      CrossEntropy.run(y, ids, row, 0, rstd.colSlice(0, 1));
      layerNorm(x, y, row, arena);
      Activate.forward(Activation.GELU, y, y);
      Activate.backward(Activation.TANH, x, y, x);
      BinaryCrossEntropy.run(y, zeros, row, rstd.colSlice(1, 1));
      SquaredError.run(x, zeros, row, row);
      for (Matrix m : List.of(x, y, rstd, row)) {
        results.add(HostCopy.readFloats(m));
      }
      return results;
    }
  }

  private static void layerNorm(Matrix x, Matrix y, Matrix mean, Arena arena) {
    Device device = x.buffer().device();
    Matrix gamma = Samples.random(device, DType.F32, 1, COLS, 7, arena);
    Matrix rstd = Samples.guarded(device, DType.F32, ROWS, 1, arena);
    LayerNorm.forward(x, gamma, gamma, 0, x, mean, rstd);
    LayerNorm.backwardSum(y, x, gamma, mean, rstd, x);
  }

  private static Matrix gamma(Device device, Arena arena) {
    return Samples.random(device, DType.F32, ROWS, 1, 6, arena);
  }

  /** Half of the sum's bits: a float alone would hide a difference. */
  private static int bits(Matrix x) {
    return (int) Double.doubleToRawLongBits(SquaredNorm.run(x)) & 0x7fffff;
  }
}
