package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CudaNf4MatVecTest {
  /**
   * Aligned rows and 4-bit tiles, which few rows of x are multiplied with as they are on a GPU:
   * columns in one chunk and in more, strips of rows that a block has at a time and one after the
   * other.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void fewAlignedRows(Devices.Place place) {
    int[][] shapes = {
      {1, 64, 470},
      {1, 1280, 33},
      {2, 192, 64},
      {8, 1024, 40},
      {9, 640, 37},
      {16, 1152, 7},
      {17, 128, 70},
      {32, 320, 37}
    };
    place.run((device, arena) -> {
      for (int[] shape : shapes) {
        for (Code code : Code.values()) {
          int block = code == Code.FP4 && shape[1] % 128 == 0 ? 128 : 64;
          boolean nested = shape[1] > 64;
          Nf4Matrix w =
              MatMulTest.bands(
                  device, code, block, shape[2], shape[1], Layout.TILED, nested, arena);
          Matrix x = Matrix.allocate(device, "x", DType.BF16, shape[0], shape[1], arena);
          HostCopy.write(x, Samples.normal(shape[0], shape[0] * shape[1]));
          double[] values =
              place instanceof Devices.Gpu
                  ? Weights.scaledAfterRounding(w, arena)
                  : Weights.values(w, DType.BF16, arena);
          MatMulTest.checkForward(device, x, w, values, arena);
        }
      }
    });
  }

  /** The same on every device: what is compared with others takes the values of the checkpoint. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void anExactWeightHasTheValuesThatDecodingGives(Devices.Place place) {
    place.run((device, arena) -> {
      for (int rows : new int[] {1, 24}) {
        Nf4Matrix w =
            MatMulTest.bands(device, Code.NF4, 64, 37, 320, Layout.TILED, true, arena).exactly();
        Matrix x = Matrix.allocate(device, "x", DType.BF16, rows, 320, arena);
        HostCopy.write(x, Samples.normal(rows, rows * 320));
        MatMulTest.checkForward(device, x, w, Weights.values(w, DType.BF16, arena), arena);
      }
    });
  }
}
