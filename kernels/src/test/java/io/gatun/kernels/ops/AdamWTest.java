package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AdamWTest {
  private static final AdamW.Hyper HYPER = new AdamW.Hyper(1e-2, 0.9, 0.999, 1e-8, 0.1);

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (int n : Samples.SIZES) {
        Matrix p = Samples.random(device, DType.F32, 1, n, 1, arena);
        Matrix m = Matrix.allocate(device, "m", DType.F32, 1, n, arena);
        Matrix v = Matrix.allocate(device, "v", DType.F32, 1, n, arena);
        double[] parameters = Samples.values(p);
        var first = new double[n];
        var second = new double[n];
        for (int t = 1; t <= 5; t++) {
          Matrix g = Samples.random(device, DType.F32, 1, n, 10 + t, arena);
          double[] gradient = Samples.values(g);
          AdamWReference.step(parameters, gradient, first, second, HYPER, t, 0.5);
          AdamW.step(p, g, m, v, HYPER, t, 0.5f);
          Tolerance.of(DType.F32, t).check("p", parameters, Samples.values(p));
          Tolerance.of(DType.F32, t).check("m", first, Samples.values(m));
          Tolerance.of(DType.F32, t).check("v", second, Samples.values(v));
        }
        Samples.checkGuards(p);
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix p = Matrix.allocate(device, "p", DType.F32, 1, 2, arena);
      Matrix g = Matrix.allocate(device, "g", DType.F32, 1, 2, arena);
      Matrix m = Matrix.allocate(device, "m", DType.F32, 1, 2, arena);
      Matrix v = Matrix.allocate(device, "v", DType.F32, 1, 2, arena);
      HostCopy.write(g, new float[] {0, Float.NaN});
      AdamW.step(p, g, m, v, HYPER, 1, 1);
      assertArrayEquals(new float[] {0, Float.NaN}, HostCopy.readFloats(p));
      Matrix none = p.colSlice(0, 0);
      AdamW.step(none, none, none, none, HYPER, 1, 1);
      assertThrows(IllegalArgumentException.class, () -> AdamW.step(p, g, m, v, HYPER, 0, 1));
      assertThrows(IllegalArgumentException.class, () -> AdamW.step(p, none, m, v, HYPER, 1, 1));
      assertThrows(IllegalArgumentException.class, () -> new AdamW.Hyper(1, 1, 0.999, 1e-8, 0));
    });
  }

  static Stream<Devices.Place> fused() {
    return Devices.withCuda()
        .filter(p -> !(p instanceof Devices.Choice c && c.variant() == CpuVariant.PLAIN));
  }

  /** Where products are fused with sums, and where it rounds, is part of what is promised. */
  @ParameterizedTest
  @MethodSource("fused")
  void theBitsAreTheSameEverywhere(Devices.Place place) {
    float[] cpu = threeSteps(new Devices.Choice(CpuVariant.AVX2, 1));
    assertArrayEquals(cpu, threeSteps(place));
  }

  private static float[] threeSteps(Devices.Place place) {
    int n = 4099;
    var results = new float[3 * n];
    place.run((device, arena) -> {
      Matrix all = Matrix.allocate(device, "all", DType.F32, 1, 3 * n, arena);
      HostCopy.write(all.colSlice(0, n), Samples.normal(7, n));
      for (int t = 1; t <= 3; t++) {
        Matrix g = Samples.random(device, DType.F32, 1, n, t, arena);
        AdamW.step(all.colSlice(0, n), g, all.colSlice(n, n), all.colSlice(2 * n, n), HYPER, t, 3);
      }
      System.arraycopy(HostCopy.readFloats(all), 0, results, 0, results.length);
    });
    return results;
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      var all = new Matrix[4];
      for (int i = 0; i < all.length; i++) {
        all[i] = Matrix.allocate(device, "arena", DType.F32, 1, 4096, arena);
      }
      Traffic.count(device, () -> AdamW.step(all[0], all[1], all[2], all[3], HYPER, 1, 1));
      for (Matrix m : all) {
        Traffic.readsOnce(m);
        if (m != all[1]) {
          Traffic.writesOnce(m);
        }
      }
    });
  }
}
