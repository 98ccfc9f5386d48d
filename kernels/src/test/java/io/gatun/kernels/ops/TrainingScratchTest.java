package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.TrainingScratch.FrozenWeight;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a GPU keeps for itself after some products is what was told before, to the byte. */
class TrainingScratchTest {
  private static final int RANKS = 16 + 8;

  private record Run(Device device, Arena arena, DType compute, boolean biased) {
    Matrix matrix(DType dtype, int rows, int cols) {
      return Matrix.allocate(device, "matrix", dtype, rows, cols, arena);
    }

    Optional<Matrix> bias(int out) {
      return biased ? Optional.of(matrix(DType.F32, 1, out)) : Optional.empty();
    }

    LoraCase adapted(int tokens) {
      int[] shape = {tokens, 192, 40, 16, 20, 8};
      return LoraCase.make(device, compute, shape, true, false, arena);
    }

    /** With an input that begins so many elements behind a line, and ranks beside it and y. */
    void adapted(LoraCase c, int skipped, boolean dropout) {
      Matrix both = matrix(compute, c.tokens(), skipped + c.in() + RANKS);
      Matrix x = both.colSlice(skipped, c.in());
      Matrix t = both.colSlice(skipped + c.in(), RANKS);
      both = matrix(compute, c.tokens(), c.out() + RANKS);
      Matrix y = both.colSlice(0, c.out());
      Matrix u = both.colSlice(c.out(), RANKS);
      LoraMatMul.forward(x, x, c.w(), bias(c.out()), c.rows(), t, y);
      var gradients = LoraMatMulBackwardTest.gradients(c);
      if (dropout) {
        Matrix dxa = matrix(compute, c.tokens(), c.in());
        LoraMatMul.backwardDropped(y, x, t, c.w(), c.rows(), gradients, u, x, dxa);
      } else {
        LoraMatMul.backward(y, x, t, c.w(), c.rows(), gradients, u, x);
      }
    }

    void plain(int tokens, Matrix w) {
      Matrix x = matrix(compute, tokens, w.cols());
      Matrix y = matrix(compute, tokens, w.rows());
      bias(w.rows())
          .ifPresentOrElse(b -> MatMul.forward(x, w, b, y), () -> MatMul.forward(x, w, y));
      MatMul.backward(y, w, x);
    }

    Map<String, Long> kept() {
      var kept = new TreeMap<>(device.memory().byName());
      kept.keySet().removeIf(name -> !name.startsWith("device."));
      return kept;
    }
  }

  /** Few rows that are aligned have a kernel of their own, and need other things. */
  @ParameterizedTest
  @CsvSource({
    "F32, 40, false, false, 40",
    "F32, 10, true, true, 200",
    "BF16, 40, true, false, 40",
    "BF16, 40, false, true, 200",
    "BF16, 10, false, false, 40",
    "BF16, 10, true, true, 200",
    "BF16, 1, false, false, 40"
  })
  void theForecastIsWhatIsKept(
      DType compute, int tokens, boolean biased, boolean dropout, int plainRows) {
    Devices.emulator((device, arena) -> {
      var run = new Run(device, arena, compute, biased);
      LoraCase most = run.adapted(tokens);
      LoraCase few = run.adapted(Math.min(CudaNf4MatVec.MOST_ROWS, tokens));
      Matrix half = run.matrix(DType.F16, plainRows, 256);
      Matrix same = run.matrix(compute, 300, 300);
      List<FrozenWeight> weights =
          List.of(
              new FrozenWeight(most.out(), most.in(), Optional.empty(), RANKS, biased, false),
              new FrozenWeight(plainRows, 256, Optional.of(DType.F16), 0, biased, false),
              new FrozenWeight(300, 300, Optional.of(compute), 0, biased, false));
      var told = TrainingScratch.of(device.kind(), compute, tokens, weights);
      assertEquals(Map.of(), run.kept());
      for (int i = 0; i < 2; i++) {
        run.adapted(most, 1, dropout);
        run.adapted(few, 0, dropout);
        run.plain(tokens, half);
        run.plain(tokens, same);
      }
      Matrix one = run.matrix(compute, 1, 1);
      Embedding.forward(one, Samples.ints(device, new int[1], arena), 1, one);
      assertEquals(told, run.kept());
      var memory = device.memory();
      long kept = total(told);
      assertEquals(memory.allocated() + kept, total(memory.byName()));
      assertTrue(memory.peak() >= memory.allocated() + kept, memory.table());
    });
  }

  private static long total(Map<String, Long> byName) {
    return byName.values().stream().mapToLong(Long::longValue).sum();
  }
}
