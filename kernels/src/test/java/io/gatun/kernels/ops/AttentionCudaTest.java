package io.gatun.kernels.ops;

import static io.gatun.kernels.ops.AttentionFixture.packed;
import static io.gatun.kernels.ops.AttentionFixture.shape;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Segment;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaTests;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the CUDA kernels of attention decide by themselves: copies, chunks, launches, sizes. */
class AttentionCudaTest {
  /** Rows on multiples of 16 bytes are copied asynchronously, others piece by piece. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void bitsDoNotDependOnAlignment(Devices.Place place) {
    place.run((device, arena) -> {
      var list = packed(new int[] {70, 9, 40}, new int[] {-1, 0, 0});
      for (DType dtype : Samples.COMPUTE) {
        var odd = AttentionFixture.random(device, dtype, shape(2, 1, 40, 0, 0), list, 3, arena);
        var even = odd.aligned(arena);
        List<float[]> expected = odd.forward().backward().written();
        List<float[]> actual = even.forward().backward().written();
        for (int i = 0; i < expected.size(); i++) {
          assertArrayEquals(expected.get(i), actual.get(i), dtype + " result " + i);
        }
      }
    });
  }

  /** More keys than there are chunks of the smallest size. */
  @Test
  void oneTokenAgainstManyKeys() {
    try (var device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      var list = List.of(new Segment(0, 1, 0, 17_000, -1));
      var a = AttentionFixture.random(device, DType.BF16, shape(1, 1, 8, 0, 0), list, 5, arena);
      var expected = a.forward().reference();
      Tolerance.of(DType.F32, 17_000).check("lse", expected.lse(), Samples.values(a.lse()));
      Tolerance.of(DType.BF16, 17_000)
          .after(Tolerance.of(DType.BF16, 1))
          .check("o", expected.o().values(), Samples.values(a.o()));
    }
  }

  /** Segments of which not all fit into the scratch at once go one launch after the other. */
  @Test
  void bitsDoNotDependOnLaunches() {
    try (var device = (CudaDevice) CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      var list =
          List.of(
              new Segment(0, 0, 0, 300, -1),
              new Segment(0, 1, 300, 20, 0),
              new Segment(1, 2, 320, 270, -1),
              new Segment(3, 1, 590, 5, 0));
      var a = AttentionFixture.random(device, DType.BF16, shape(2, 1, 16, 0, 0), list, 5, arena);
      a.forward();
      float[] expected = HostCopy.readFloats(a.o());
      long chunk = 4L * 16 * (16 + 2);
      for (int chunks : new int[] {3, 4, 6, 100}) {
        HostCopy.write(a.o(), new float[expected.length]);
        new AttentionLaunch(
                "attention_forward",
                device,
                a.shape(),
                a.dropout(),
                a.segments(),
                DType.BF16,
                chunks * chunk)
            .forward(a.q(), a.k(), a.v(), a.o(), a.lse());
        assertArrayEquals(expected, HostCopy.readFloats(a.o()), chunks + " chunks at once");
      }
    }
  }

  @Test
  void headsThatAreTooWideAreRefused() {
    try (var device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      var list = packed(new int[] {2}, new int[] {-1});
      var a = AttentionFixture.random(device, DType.F32, shape(1, 1, 257, 0, 0), list, 1, arena);
      var e = assertThrows(IllegalArgumentException.class, a::forward);
      assertEquals(
          "attention_forward: heads of 257 columns; the CUDA kernels take up to 256, use"
              + " Device.cpu()",
          e.getMessage());
    }
  }

  /** The emulator's GPU has more shared memory than others. */
  @Test
  void blocksFitIntoTheSharedMemoryOfEveryGpu() {
    for (var tiles : AttentionLaunch.Tiles.values()) {
      for (var block : List.of(tiles.forward, tiles.dropping, tiles.decode, tiles.dq, tiles.dkv)) {
        assertTrue(block.sharedBytes() <= CudaDevice.SHARED_BYTES, () -> "" + block);
      }
    }
  }
}
