package io.gatun.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.Device.CpuVariant;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

class MatrixTest {
  @Test
  void aViewOutsideItsBufferIsRefused() {
    try (Device device = Device.cpu(1, CpuVariant.PLAIN);
        Arena arena = Arena.ofConfined()) {
      Buffer b = device.allocate("b", 40, arena);
      assertEquals(10, Matrix.of(b, 0, DType.F32, 2, 5).rows() * 5);
      assertThrows(IllegalArgumentException.class, () -> Matrix.of(b, 4, DType.F32, 2, 5));
      assertThrows(IllegalArgumentException.class, () -> Matrix.of(b, 2, DType.F32, 1, 5));
      assertThrows(IllegalArgumentException.class, () -> Matrix.of(b, -4, DType.F32, 1, 5));
      assertThrows(IllegalArgumentException.class, () -> Matrix.of(b, 0, DType.F32, -1, 5));
      assertThrows(IllegalArgumentException.class, () -> new Matrix(b, 0, DType.F32, 2, 5, 4));
      assertThrows(
          IllegalArgumentException.class,
          () -> Matrix.of(b, 0, DType.F32, Integer.MAX_VALUE, Integer.MAX_VALUE));
      assertThrows(IllegalArgumentException.class, () -> new Ints(b, 4, 10));
      assertThrows(IllegalArgumentException.class, () -> new Ints(b, 0, Integer.MAX_VALUE));
    }
  }

  @Test
  void bytesThatOverflowAreRefused() {
    assertThrows(
        ArithmeticException.class,
        () -> Matrix.bytes(DType.F32, Integer.MAX_VALUE, Integer.MAX_VALUE));
  }

  @Test
  void slicesAreViews() {
    try (Device device = Device.cpu(1, CpuVariant.PLAIN);
        Arena arena = Arena.ofConfined()) {
      Matrix m = Matrix.allocate(device, "m", DType.BF16, 3, 4, arena);
      HostCopy.write(m, new float[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
      Matrix inner = m.rowSlice(1, 2).colSlice(1, 2);
      assertArrayEquals(new float[] {5, 6, 9, 10}, HostCopy.readFloats(inner));
      HostCopy.write(inner.rowSlice(1, 1), new float[] {-1, -2});
      assertArrayEquals(
          new float[] {0, 1, 2, 3, 4, 5, 6, 7, 8, -1, -2, 11}, HostCopy.readFloats(m));
      assertEquals(0, m.rowSlice(3, 0).rows());
      assertEquals(0, m.colSlice(4, 0).cols());
      assertThrows(IndexOutOfBoundsException.class, () -> m.rowSlice(2, 2));
      assertThrows(IndexOutOfBoundsException.class, () -> m.colSlice(3, 2));
    }
  }

  @Test
  void segmentsAreChecked() {
    try (Device device = Device.cpu(1, CpuVariant.PLAIN);
        Arena arena = Arena.ofConfined()) {
      var tree = List.of(Segment.of(0, 4), new Segment(4, 2, 4, 2, 0), new Segment(6, 3, 6, 3, 0));
      Segments segments = Segments.of(device, tree, arena);
      assertArrayEquals(new int[] {0, 1, 2, 3, 4, 5, 4, 5, 6}, segments.positions());
      assertEquals(9, segments.keyRows());
      int[] table = HostCopy.readInts(segments.table());
      assertArrayEquals(new int[] {6, 3, 6, 3, 0, 4}, java.util.Arrays.copyOfRange(table, 12, 18));
      var decoding = List.of(new Segment(0, 0, 0, 5, -1), new Segment(0, 1, 8, 3, 0));
      assertArrayEquals(new int[] {7}, Segments.of(device, decoding, arena).positions());
      for (var wrong :
          List.of(
              List.of(new Segment(0, 1, 0, 1, 0)),
              List.of(Segment.of(0, 2), Segment.of(1, 2)),
              List.of(Segment.of(1, 2)),
              List.of(Segment.of(0, 2), new Segment(2, 2, 1, 2, -1)))) {
        assertThrows(IllegalArgumentException.class, () -> Segments.of(device, wrong, arena));
      }
      assertThrows(IllegalArgumentException.class, () -> new Segment(0, 2, 0, 1, -1));
    }
  }
}
