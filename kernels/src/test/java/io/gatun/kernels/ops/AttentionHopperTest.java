package io.gatun.kernels.ops;

import static io.gatun.kernels.ops.AttentionFixture.bothWays;
import static io.gatun.kernels.ops.AttentionFixture.packed;
import static io.gatun.kernels.ops.AttentionFixture.randomTrees;
import static io.gatun.kernels.ops.AttentionFixture.shape;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Segment;
import io.gatun.kernels.cuda.CudaDevice;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Attention with the products of a Hopper GPU, against the reference that all kernels have. */
class AttentionHopperTest {
  private static final int SHARED_BYTES = 227 << 10; // a block of compute capability 9.0 has

  /** Rows on multiples of 16 bytes, which are copied asynchronously, as training has them. */
  private static void check(Device device, AttentionShape shape, List<Segment> list, Arena arena) {
    AttentionFixture.random(device, DType.BF16, shape, list, 7, arena)
        .aligned(arena)
        .checkNumbers();
  }

  @Test
  void headSizesAndGroups() {
    Devices.hopper((device, arena) -> {
      var list = packed(new int[] {140, 1, 30}, new int[] {-1, 0, 0});
      check(device, shape(2, 2, 128, 0, 0), list, arena);
      check(device, shape(3, 1, 64, 0, 0), list, arena);
      check(device, shape(4, 1, 80, 40, 0), list, arena);
    });
  }

  /** More blocks of keys than lie in shared memory, from several owners. */
  @Test
  void lengths() {
    Devices.hopper((device, arena) -> {
      var list = packed(new int[] {130, 140}, new int[] {-1, 0});
      check(device, shape(1, 1, 64, 0, 0), list, arena);
      check(device, shape(1, 1, 16, 100, 0), list, arena);
      check(device, bothWays(2, 1, 32, 0), packed(new int[] {150}, new int[] {-1}), arena);
    });
  }

  @Test
  void randomSegmentTrees() {
    Devices.hopper((device, arena) -> {
      var list = randomTrees(1, 8, 40);
      check(device, shape(4, 1, 24, 21, 0), list, arena);
    });
  }

  @Test
  void bitsDoNotDependOnAlignment() {
    Devices.hopper((device, arena) -> {
      var list = packed(new int[] {70, 9, 140}, new int[] {-1, 0, 0});
      var odd = AttentionFixture.random(device, DType.BF16, shape(2, 1, 40, 0, 0), list, 3, arena);
      List<float[]> expected = odd.forward().backward().written();
      List<float[]> actual = odd.aligned(arena).forward().backward().written();
      for (int i = 0; i < expected.size(); i++) {
        assertArrayEquals(expected.get(i), actual.get(i), "result " + i);
      }
    });
  }

  /** A segment full of NaN and infinity is not noticed by another. */
  @Test
  void segmentsAreApart() {
    Devices.hopper((device, arena) -> {
      var list = packed(new int[] {20, 150}, new int[] {-1, -1});
      var a = AttentionFixture.random(device, DType.BF16, shape(2, 1, 16, 0, 0), list, 1, arena);
      a = a.aligned(arena);
      var bad = new float[150 * 16];
      Arrays.fill(bad, Float.NaN);
      HostCopy.write(a.k().rowSlice(20, 150), bad);
      HostCopy.write(a.v().rowSlice(20, 150), bad);
      a.forward().backward();
      for (var m : List.of(a.o(), a.dq(), a.dk(), a.dv())) {
        for (float x : HostCopy.readFloats(m.rowSlice(0, 20))) {
          assertTrue(Float.isFinite(x), m.shape() + " holds " + x);
        }
      }
    });
  }

  /** They are what runs there, and not the kernels for every GPU. */
  @Test
  void onlyHopperHasThem() {
    Devices.hopper((device, _) -> {
      var cuda = (CudaDevice) device;
      for (var tiles : AttentionLaunch.Tiles.values()) {
        boolean has = tiles.name().equals("HEAD_64") || tiles.name().equals("HEAD_128");
        assertEquals(has, AttentionHopper.of(cuda, tiles).isPresent(), tiles.name());
      }
      for (var blocks : AttentionHopper.values()) {
        for (var block : List.of(blocks.forward, blocks.dq, blocks.dkv)) {
          assertTrue(block.sharedBytes() <= SHARED_BYTES, () -> "" + block);
        }
      }
    });
    Devices.emulator((device, _) ->
        assertEquals(
            Optional.empty(),
            AttentionHopper.of((CudaDevice) device, AttentionLaunch.Tiles.HEAD_128)));
  }
}
