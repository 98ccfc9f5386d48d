package io.gatun.kernels.ops;

import static io.gatun.kernels.ops.AttentionFixture.packed;
import static io.gatun.kernels.ops.AttentionFixture.shape;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Segment;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaTests;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The bytes that kernels move against their floor, on the emulator: of attention, whose tiles read
 * keys as often as there are tiles of queries that see them, and of what changes weights. The other
 * ops have this in tests of their own.
 */
class TrafficTest {
  private static final int DIM = 64;
  private static final int TOKENS = 256;
  private static final int WORD = 16; // bytes that a thread moves at a time

  private static Matrix whole(Device device, DType dtype, int rows, int cols, Arena arena) {
    return Samples.whole(device, dtype, rows, cols, 1, arena);
  }

  /** Bytes read, or written, of a buffer: in all and each once a launch, 16 at a time. */
  private static void moves(Buffer buffer, boolean writes, long total, long once) {
    long[] moved = CudaTests.moved(buffer);
    int at = writes ? 3 : 0;
    String what = (writes ? "written of " : "read of ") + buffer.name();
    assertEquals(total, moved[at], "bytes " + what);
    assertEquals(once, moved[at + 1], "bytes once " + what);
    assertEquals(total, WORD * moved[at + 2], "16 times the accesses " + what);
  }

  private static void reads(int launches, Matrix m, long rows) {
    long row = (long) m.cols() * m.dtype().bytes();
    moves(m.buffer(), false, rows * row, launches * m.rows() * row);
  }

  private static AttentionFixture causal(Device device, List<Segment> list, Arena arena) {
    return AttentionFixture.random(device, DType.BF16, shape(1, 1, DIM, 0, 0), list, 5, arena)
        .aligned(arena);
  }

  private static long sum(int tiles, IntUnaryOperator rows) {
    return IntStream.range(0, tiles).map(rows).sum();
  }

  /**
   * A tile of queries reads the keys up to its last row; one of keys, the queries from its first.
   */
  private static void attention(Device device, Arena arena) {
    var a = causal(device, packed(new int[] {TOKENS}, new int[] {-1}), arena);
    var tiles = AttentionLaunch.Tiles.HEAD_64;
    var hopper = AttentionHopper.of((CudaDevice) device, tiles);
    int forward = hopper.map(h -> h.forward).orElse(tiles.forward).rows();
    int dq = hopper.map(h -> h.dq).orElse(tiles.dq).rows();
    int dkv = hopper.map(h -> h.dkv).orElse(tiles.dkv).rows();

    Traffic.count(device, a::forward);
    reads(1, a.q(), TOKENS);
    Traffic.writesOnce(a.o());
    for (Matrix keys : List.of(a.k(), a.v())) {
      reads(1, keys, sum(TOKENS / forward, i -> (i + 1) * forward));
    }
    Traffic.count(device, a::backward);
    long rows = sum(TOKENS / dkv, i -> TOKENS - i * dkv) + TOKENS;
    long keys = sum(TOKENS / dq, i -> (i + 1) * dq) + TOKENS;
    reads(2, a.q(), rows);
    reads(2, a.dO(), rows + TOKENS); // once more beside o, from a cache
    for (Matrix m : List.of(a.k(), a.v())) {
      reads(2, m, keys);
    }
    reads(1, a.o(), TOKENS);
    for (Matrix m : List.of(a.dq(), a.dk(), a.dv())) {
      Traffic.writesOnce(m);
    }
  }

  @Test
  void attentionReadsWhatItsTilesSee() {
    Devices.emulator(TrafficTest::attention);
  }

  @Test
  void soItDoesOnHopper() {
    CudaTests.requireEmulator();
    Devices.hopper(TrafficTest::attention);
  }

  /** One token reads keys and values once, however many heads share them. */
  @Test
  void decodingReadsTheCacheOnce() {
    Devices.emulator((device, arena) -> {
      var list = List.of(new Segment(0, 1, 0, TOKENS, -1));
      var a =
          AttentionFixture.random(device, DType.BF16, shape(4, 1, DIM, 0, 0), list, 5, arena)
              .aligned(arena);
      Traffic.count(device, a::forward);
      Traffic.readsOnce(a.k());
      Traffic.readsOnce(a.v());
      Traffic.readsOnce(a.q());
    });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 8})
  void fewRowsReadTheWeightOnce(int rows) {
    Devices.emulator((device, arena) -> {
      Nf4Matrix w = MatMulTest.bands(device, Code.NF4, 64, 64, 512, Layout.TILED, true, arena);
      Matrix x = whole(device, DType.BF16, rows, 512, arena);
      Matrix y = Matrix.allocate(device, "y", DType.BF16, rows, w.rows(), arena);
      Traffic.count(device, () -> MatMul.forward(x, w, y));
      for (Band band : w.bands()) {
        long bytes = Layout.TILED.bytes(band.rows(), band.cols());
        moves(band.codes(), false, bytes, bytes);
      }
    });
  }

  @Test
  void quantizingReadsValuesOnceAndRepackingCodes() {
    Devices.emulator((device, arena) -> {
      Matrix x = whole(device, DType.F32, 64, 512, arena);
      Nf4Matrix w = MatMulTest.bands(device, Code.NF4, 64, 64, 512, Layout.FILE, true, arena);
      Band file = w.bands().getFirst();
      Matrix part = x.rowSlice(0, file.rows());
      Traffic.count(device, () -> Nf4Quantize.run(part, file));
      long bytes = Matrix.bytes(DType.F32, part.rows(), part.cols());
      long size = bytes / 8; // two of them in a byte
      long[] values = CudaTests.moved(x.buffer());
      assertEquals(2 * bytes, values[0], "bytes read of values, again from a cache");
      assertEquals(bytes, values[1], "bytes read once of values");
      assertEquals(size, CudaTests.moved(file.codes())[3], "bytes written of codes");
      Band tiled =
          MatMulTest.bands(device, Code.NF4, 64, 64, 512, Layout.TILED, true, arena)
              .bands()
              .getFirst();
      Traffic.count(device, () -> Nf4Repack.run(file, tiled));
      long[] codes = CudaTests.moved(file.codes());
      assertEquals(size, codes[0], "bytes read of codes");
      assertEquals(size, codes[1], "bytes read once of codes");
      long tiles = Layout.TILED.bytes(file.rows(), file.cols());
      assertEquals(tiles, CudaTests.moved(tiled.codes())[3], "bytes written of tiles");
    });
  }

  @Test
  void castsAndPlacesAndSumsOfColumnsMoveEachByteOnce() {
    Devices.emulator((device, arena) -> {
      Matrix x = whole(device, DType.F32, 24, 512, arena);
      Matrix y = whole(device, DType.BF16, 24, 512, arena);
      Traffic.count(device, () -> Cast.run(x, y));
      Traffic.readsOnce(x);
      Traffic.writesOnce(y);
      Matrix b = whole(device, DType.F32, 24, 16, arena);
      Traffic.count(device, () -> CudaMatMul.place((CudaDevice) device, b, y, 0, 0, 2));
      Traffic.writesOnce(y);
      assertEquals(Matrix.bytes(DType.F32, 24, 16), CudaTests.moved(b.buffer())[0]);
      Matrix sums = Matrix.allocate(device, "sums", DType.F32, 1, 512, arena);
      Matrix none = Matrix.allocate(device, "none", DType.F32, 512, 0, arena);
      Traffic.count(device, () -> LinearGradient.run(y, y.colSlice(0, 0), none, sums));
      Traffic.readsOnce(y);
    });
  }
}
