package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CastTest {
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void everyHalfNumberWidensExactly(Devices.Place place) {
    place.run((device, arena) -> {
      var bits = new short[1 << 16];
      for (int i = 0; i < bits.length; i++) {
        bits[i] = (short) i;
      }
      for (DType from : new DType[] {DType.F16, DType.BF16}) {
        Matrix x = upload(device, from, bits, arena);
        Matrix y = Samples.guarded(device, DType.F32, 1, bits.length, arena);
        Cast.run(x, y);
        double[] values = Samples.values(y);
        for (int i = 0; i < bits.length; i++) {
          float expected =
              from == DType.F16 ? Float.float16ToFloat(bits[i]) : Float.intBitsToFloat(i << 16);
          assertEquals((double) expected, values[i], from + " " + i);
        }
        Matrix back = Samples.guarded(device, from, 1, bits.length, arena);
        Cast.run(y, back);
        double[] again = Samples.values(back);
        assertArrayEquals(values, again, "a widened number comes back");
        Samples.checkGuards(y);
        Samples.checkGuards(back);
      }
    });
  }

  /**
   * Random bits, and around every F16 and BF16 number the ties between neighbours and one ulp
   * beside.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void roundsToNearestEven(Devices.Place place) {
    place.run((device, arena) -> {
      int count = 1 << 16;
      var values = new float[8 * count];
      var random = new Random(1);
      for (int i = 0; i < count; i++) {
        float half = Float.float16ToFloat((short) i);
        float next = Float.float16ToFloat((short) (i + 1));
        float tie = (half + next) / 2;
        float bfloatTie = Float.intBitsToFloat(i << 16 | 0x8000);
        values[8 * i] = tie;
        values[8 * i + 1] = Math.nextUp(tie);
        values[8 * i + 2] = Math.nextDown(tie);
        values[8 * i + 3] = bfloatTie;
        values[8 * i + 4] = Math.nextUp(bfloatTie);
        values[8 * i + 5] = Math.nextDown(bfloatTie);
        values[8 * i + 6] = Float.intBitsToFloat(random.nextInt());
        values[8 * i + 7] = (float) random.nextGaussian();
      }
      Matrix x = Samples.strided(device, DType.F32, 8, count, values, arena);
      for (DType to : new DType[] {DType.F16, DType.BF16}) {
        Matrix y = Samples.guarded(device, to, 8, count, arena);
        Cast.run(x, y);
        double[] rounded = Samples.values(y);
        for (int i = 0; i < values.length; i++) {
          assertEquals(CastReference.run(values[i], to), rounded[i]);
        }
        Samples.checkGuards(y);
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalTypesCopyBits(Devices.Place place) {
    place.run((device, arena) -> {
      short[] bits = {0x7f81, (short) 0xff81, 1, (short) 0x8000, 0x7f80};
      for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
        Matrix x = upload(device, dtype, bits, arena);
        Matrix y = Matrix.allocate(device, "y", dtype, 1, bits.length, arena);
        Cast.run(x, y);
        var copied = new short[bits.length];
        device.download(y.buffer(), 0, MemorySegment.ofArray(copied));
        assertArrayEquals(bits, copied);
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void betweenHalfTypes(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Samples.random(device, DType.F16, 13, 33, 1, arena);
      Matrix y = Samples.guarded(device, DType.BF16, 13, 33, arena);
      Cast.run(x, y);
      double[] from = Samples.values(x);
      double[] to = Samples.values(y);
      for (int i = 0; i < from.length; i++) {
        assertEquals(CastReference.run(from[i], DType.BF16), to[i]);
      }
      Cast.run(x.rowSlice(0, 0), y.rowSlice(0, 0));
      assertThrows(IllegalArgumentException.class, () -> Cast.run(x, y.rowSlice(0, 1)));
    });
  }

  private static Matrix upload(Device device, DType dtype, short[] bits, Arena arena) {
    Matrix m = Matrix.allocate(device, "bits", dtype, 1, bits.length, arena);
    device.upload(MemorySegment.ofArray(bits), m.buffer(), 0);
    return m;
  }
}
