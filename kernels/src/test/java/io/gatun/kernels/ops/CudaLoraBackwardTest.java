package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Profile.Operation;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaTests;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * Both gradients of dy's siblings from one reading, at the edges of tiles, chunks and alignment.
 */
class CudaLoraBackwardTest {
  private static final int IN = 64;
  private static final String KERNEL = "lora_backward";

  /** On a GPU, or on the emulator in three orders of threads. */
  private static void onGpu(Consumer<Run> test) {
    CudaTests.require();
    new Devices.Gpu().run((device, arena) -> test.accept(new Run(device, arena)));
  }

  private record Run(Device device, Arena arena) {
    Matrix whole(DType dtype, int rows, int cols, long seed) {
      return Samples.whole(device, dtype, rows, cols, seed, arena);
    }

    /** An adapter of siblings one below the other, of these rows and ranks. */
    LoraFactors factors(int[] rows, int[] ranks) {
      var siblings = new ArrayList<Sibling>();
      int row = 0;
      int rank = 0;
      for (int i = 0; i < rows.length; i++) {
        Matrix b = whole(DType.F32, rows[i], ranks[i], 20 + i);
        siblings.add(new Sibling(row, rank, b, 0.5f + i));
        row += rows[i];
        rank += ranks[i];
      }
      return new LoraFactors(whole(DType.F32, rank, IN, 30), siblings);
    }

    /** The first rows, but one, and the last ones, but one, with the same adapter each or none. */
    LoraCase adapted(int tokens, int out, LoraFactors... factors) {
      Matrix x = whole(DType.BF16, tokens, IN, 1);
      int ranks = factors[0].a().rows();
      Matrix t = Matrix.allocate(device, "t", DType.BF16, tokens, ranks, arena);
      var rows = new ArrayList<LoraRows>();
      int each = tokens / factors.length;
      for (int i = 0; i < factors.length; i++) {
        rows.add(new LoraRows(i * each, each - 1, factors[i]));
      }
      var w = Weights.nf4(device, out, IN, 4, arena);
      return new LoraCase(device, DType.BF16, tokens, IN, out, x, x, w, rows, t, arena);
    }

    /** Checks the gradients, and gives the names of what ran. */
    Set<String> check(LoraCase c) {
      Matrix y = Matrix.allocate(device, "y", DType.BF16, c.tokens(), c.out(), arena);
      LoraMatMul.forward(c.x(), c.xa(), c.w(), Optional.empty(), c.rows(), c.t(), y);
      Matrix dy = whole(DType.BF16, c.tokens(), c.out(), 6);
      var before = LoraMatMulBackwardTest.gradients(c);
      var after = LoraMatMulBackwardTest.gradients(c);
      Matrix u = Matrix.allocate(device, "u", DType.BF16, c.tokens(), c.t().cols(), arena);
      Matrix dx = Matrix.allocate(device, "dx", DType.BF16, c.tokens(), IN, arena);
      var profile =
          device.profile(
              () -> LoraMatMul.backward(dy, c.xa(), c.t(), c.w(), c.rows(), after, u, dx));
      for (int i = 0; i < c.rows().size(); i++) {
        var r = c.rows().get(i);
        LoraMatMulBackwardTest.checkGradients(c, r, dy, u, before.get(i), after.get(i));
      }
      return profile.operations().stream().map(Operation::name).collect(Collectors.toSet());
    }

    void mustRunKernels(LoraCase c) {
      var names = check(c);
      assertEquals(true, names.containsAll(Set.of(KERNEL, KERNEL + "_sums")), names::toString);
    }
  }

  /** More columns than a block has, with a rest; 8 and 16 ranks. */
  @Test
  void siblingsAndRestsOfColumns() {
    onGpu(run -> {
      var three = run.factors(new int[] {520, 24, 72}, new int[] {16, 8, 16});
      run.mustRunKernels(run.adapted(34, 616, three));
    });
  }

  @Test
  void moreRowsThanAChunk() {
    onGpu(run -> {
      var one = run.factors(new int[] {40}, new int[] {16});
      run.mustRunKernels(run.adapted(260, 40, one));
    });
  }

  @Test
  void oneRowAndColumnsWithoutAnAdapter() {
    onGpu(run -> {
      var one = run.factors(new int[] {24}, new int[] {8});
      run.mustRunKernels(run.adapted(2, 40, one));
    });
  }

  @Test
  void rowsOfTwoAdapters() {
    onGpu(run -> {
      var one = run.factors(new int[] {40, 32}, new int[] {16, 16});
      var other = run.factors(new int[] {32, 40}, new int[] {16, 16});
      run.mustRunKernels(run.adapted(70, 72, one, other));
    });
  }

  /** What does not lie on words of 16 bytes, and more ranks, cuBLASLt multiplies. */
  @Test
  void othersHaveAnotherWay() {
    onGpu(run -> {
      for (int[] ranks : new int[][] {{4, 16}, {24, 8}}) {
        var names = run.check(run.adapted(9, 48, run.factors(new int[] {24, 24}, ranks)));
        assertFalse(names.contains(KERNEL), names::toString);
      }
      var odd = run.factors(new int[] {25, 16}, new int[] {8, 8});
      assertFalse(run.check(run.adapted(9, 48, odd)).contains(KERNEL));
    });
  }

  /** Ranks that two siblings share, ranks that are nobody's, and a weight without rows. */
  @Test
  void ranksThatAreNotOneSiblingsOwn() {
    onGpu(run -> {
      Matrix a = run.whole(DType.F32, 16, IN, 30);
      var first = new Sibling(0, 0, run.whole(DType.F32, 24, 16, 20), 0.5f);
      var second = new Sibling(24, 0, run.whole(DType.F32, 16, 16, 21), 1);
      var shared = new LoraFactors(a, List.of(first, second));
      assertFalse(run.check(run.adapted(9, 48, shared)).contains(KERNEL));
      var half = new Sibling(0, 8, run.whole(DType.F32, 24, 8, 20), 0.5f);
      assertFalse(
          run.check(run.adapted(9, 48, new LoraFactors(a, List.of(half)))).contains(KERNEL));
      Matrix none = run.whole(DType.BF16, 9, 16, 3);
      var empty =
          new Sibling(0, 0, Matrix.allocate(run.device(), "b", DType.F32, 0, 16, run.arena()), 1);
      assertFalse(
          new CudaLoraBackward(
                  (CudaDevice) run.device(),
                  none.colSlice(0, 0),
                  none,
                  new LoraFactors(a, List.of(empty)),
                  none)
              .fits());
    });
  }

  /** Rows come after one another where the scratch is too small for the parts of all. */
  @Test
  void bitsOfUDoNotDependOnHowManyRowsGoTogether() {
    onGpu(run -> {
      var one = run.factors(new int[] {48}, new int[] {16});
      Matrix dy = run.whole(DType.BF16, 70, 48, 3);
      Matrix t = run.whole(DType.BF16, 70, 16, 4);
      float[] whole = u(run, dy, t, one);
      float[] part = u(run, dy.rowSlice(37, 33), t.rowSlice(37, 33), one);
      float[] same = new float[part.length];
      System.arraycopy(whole, 37 * 16, same, 0, part.length);
      assertArrayEquals(same, part);
    });
  }

  private static float[] u(Run run, Matrix dy, Matrix t, LoraFactors f) {
    Matrix u = Matrix.allocate(run.device(), "u", DType.BF16, dy.rows(), t.cols(), run.arena());
    var low = new CudaLoraBackward((CudaDevice) run.device(), dy, t, f, u);
    low.run(f.siblings().stream().map(Sibling::b).map(b -> copy(run, b)).toList());
    return HostCopy.readFloats(u);
  }

  private static Matrix copy(Run run, Matrix b) {
    return run.whole(DType.F32, b.rows(), b.cols(), 9);
  }

  @Test
  void dyIsReadOnce() {
    Devices.emulator((device, arena) -> {
      var run = new Run(device, arena);
      var two = run.factors(new int[] {520, 40}, new int[] {16, 8});
      Matrix dy = run.whole(DType.BF16, 33, 560, 3);
      Matrix t = run.whole(DType.BF16, 33, 24, 4);
      Matrix u = Matrix.allocate(device, "u", DType.BF16, 33, 24, arena);
      var low = new CudaLoraBackward((CudaDevice) device, dy, t, two, u);
      List<Matrix> sums = two.siblings().stream().map(s -> copy(run, s.b())).toList();
      Traffic.count(device, () -> low.run(sums));
      Traffic.readsOnce(dy);
      long bytes = Matrix.bytes(DType.BF16, 33, 24);
      assertEquals(bytes, CudaTests.moved(u.buffer())[3], "bytes written of u");
    });
  }
}
