package io.gatun.bindings.emulator;

import static io.gatun.bindings.cublaslt.CublasLt.*;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.cublaslt.cublasLtMatmulHeuristicResult_t;
import io.gatun.bindings.cuda.Cuda;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The emulator's matrix product, called as the product's own code calls cuBLASLt. */
class CublasLtTest {
  private static final int M = 13;
  private static final int N = 7;
  private static final int K = 33;

  private Emulator e;
  private MemorySegment handle;

  @BeforeEach
  void open() {
    e = Emulator.open();
    var out = e.arena.allocate(ADDRESS);
    assertEquals(0, cublasLtCreate(out));
    handle = out.get(ADDRESS, 0);
  }

  @AfterEach
  void close() {
    if (e != null) {
      cublasLtDestroy(handle);
      e.close();
    }
  }

  /** A matrix of either order with a gap of 3 after each line. */
  private record Operand(long address, MemorySegment layout, float[] values, int rows, int cols) {
    float at(int r, int c) {
      return values[r * cols + c];
    }
  }

  private Operand operand(String name, int type, int order, int rows, int cols, long seed) {
    var values = Kernels.floats(seed, rows * cols);
    boolean wide = type == CUDA_R_32F();
    int ld = (order == 1 ? cols : rows) + 3;
    var memory = e.arena.allocate((wide ? 4L : 2L) * ld * (order == 1 ? rows : cols), 16);
    for (int i = 0; i < values.length; i++) {
      long at = order == 1 ? (long) i / cols * ld + i % cols : (long) i % cols * ld + i / cols;
      short bits = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
      if (wide) {
        memory.setAtIndex(JAVA_FLOAT, at, values[i]);
      } else {
        memory.setAtIndex(JAVA_SHORT, at, bits);
        values[i] = Kernels.widen(bits);
      }
    }
    var out = e.arena.allocate(ADDRESS);
    assertEquals(0, cublasLtMatrixLayoutCreate(out, type, rows, cols, ld));
    var layout = out.get(ADDRESS, 0);
    set(layout, CUBLASLT_MATRIX_LAYOUT_ORDER(), order);
    return new Operand(e.memory(name, memory), layout, values, rows, cols);
  }

  private void set(MemorySegment layout, int attribute, int value) {
    assertEquals(
        0,
        cublasLtMatrixLayoutSetAttribute(
            layout, attribute, e.arena.allocateFrom(JAVA_INT, value), 4));
  }

  private void describe(MemorySegment product, int attribute, int value) {
    assertEquals(
        0,
        cublasLtMatmulDescSetAttribute(
            product, attribute, e.arena.allocateFrom(JAVA_INT, value), 4));
  }

  private MemorySegment product(boolean transposeA, boolean transposeB) {
    var out = e.arena.allocate(ADDRESS);
    assertEquals(0, cublasLtMatmulDescCreate(out, CUBLAS_COMPUTE_32F(), CUDA_R_32F()));
    var product = out.get(ADDRESS, 0);
    describe(product, CUBLASLT_MATMUL_DESC_TRANSA(), transposeA ? 1 : 0);
    describe(product, CUBLASLT_MATMUL_DESC_TRANSB(), transposeB ? 1 : 0);
    return product;
  }

  private int heuristics(
      MemorySegment product, Operand a, Operand b, Operand d, MemorySegment found) {
    var out = e.arena.allocate(ADDRESS);
    assertEquals(0, cublasLtMatmulPreferenceCreate(out));
    var preference = out.get(ADDRESS, 0);
    var workspace = e.arena.allocateFrom(JAVA_LONG, 0);
    int attribute = CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES();
    assertEquals(0, cublasLtMatmulPreferenceSetAttribute(preference, attribute, workspace, 8));
    var count = e.arena.allocate(JAVA_INT);
    return cublasLtMatmulAlgoGetHeuristic(
        handle, product, a.layout, b.layout, d.layout, d.layout, preference, 1, found, count);
  }

  private int multiply(MemorySegment product, Operand a, Operand b, float beta, Operand d) {
    var found = e.arena.allocate(cublasLtMatmulHeuristicResult_t.layout());
    int code = heuristics(product, a, b, d, found);
    if (code != 0) {
      return code;
    }
    var alpha = e.arena.allocateFrom(JAVA_FLOAT, 0.5f);
    var pointers = new MemorySegment[] {pointer(a), pointer(b), pointer(d)};
    return cublasLtMatmul(
        handle,
        product,
        alpha,
        pointers[0],
        a.layout,
        pointers[1],
        b.layout,
        e.arena.allocateFrom(JAVA_FLOAT, beta),
        pointers[2],
        d.layout,
        pointers[2],
        d.layout,
        cublasLtMatmulHeuristicResult_t.algo(found),
        MemorySegment.NULL,
        0,
        e.stream);
  }

  private static MemorySegment pointer(Operand o) {
    return MemorySegment.ofAddress(o.address);
  }

  @ParameterizedTest
  @CsvSource({"0,false,false,0", "0,true,false,1", "1,false,true,1", "1,true,true,0"})
  void equalsThePlainSum(int order, boolean transposeA, boolean transposeB, float beta) {
    var a = operand("a", CUDA_R_16BF(), order, transposeA ? K : M, transposeA ? M : K, 1);
    var b = operand("b", CUDA_R_16BF(), order, transposeB ? N : K, transposeB ? K : N, 2);
    var d = operand("d", CUDA_R_32F(), order, M, N, 3);
    var product = product(transposeA, transposeB);
    var bias = Kernels.floats(4, M);
    describe(product, CUBLASLT_MATMUL_DESC_EPILOGUE(), CUBLASLT_EPILOGUE_BIAS());
    var address = e.arena.allocateFrom(JAVA_LONG, e.floats("bias", bias));
    int attribute = CUBLASLT_MATMUL_DESC_BIAS_POINTER();
    assertEquals(0, cublasLtMatmulDescSetAttribute(product, attribute, address, 8));
    assertEquals(0, multiply(product, a, b, beta, d));
    e.check(Cuda.cuStreamSynchronize(e.stream));
    int ld = (order == 1 ? N : M) + 3;
    float[] result = e.read(d.address, ld * (order == 1 ? M : N));
    for (int i = 0; i < M; i++) {
      for (int j = 0; j < N; j++) {
        double expected = beta * d.at(i, j) + bias[i];
        double terms = Math.abs(expected);
        for (int k = 0; k < K; k++) {
          double term =
              0.5 * (transposeA ? a.at(k, i) : a.at(i, k)) * (transposeB ? b.at(j, k) : b.at(k, j));
          expected += term;
          terms += Math.abs(term);
        }
        float actual = result[order == 1 ? i * ld + j : j * ld + i];
        assertTrue(Math.abs(actual - expected) <= terms * K * Math.ulp(1f), i + "," + j);
      }
    }
  }

  @Test
  void aLeadingDimensionBeyondTheMemoryIsSeen() {
    var a = operand("a", CUDA_R_32F(), 0, M, K, 1);
    var b = operand("b", CUDA_R_32F(), 0, K, N, 2);
    var d = operand("d", CUDA_R_32F(), 0, M, N, 3);
    long ld = M + 4;
    int attribute = CUBLASLT_MATRIX_LAYOUT_LD();
    assertEquals(
        0,
        cublasLtMatrixLayoutSetAttribute(
            d.layout, attribute, e.arena.allocateFrom(JAVA_LONG, ld), 8));
    assertEquals(0, multiply(product(false, false), a, b, 0, d));
    String message = e.message(Cuda.cuStreamSynchronize(e.stream));
    assertTrue(message.contains("cublasLtMatmul, D: out of bounds: write of 52 bytes"), message);
    assertTrue(message.contains("of allocation d (448 bytes)"), message);
  }

  @Test
  void shapesThatDoNotFitAndTypesThatNobodyHasAreRefused() {
    var a = operand("a", CUDA_R_32F(), 0, M, K, 1);
    var b = operand("b", CUDA_R_32F(), 0, K, N, 2);
    var d = operand("d", CUDA_R_32F(), 0, M, N, 3);
    assertEquals(CUBLAS_STATUS_INVALID_VALUE(), multiply(product(true, false), a, b, 0, d));
    set(b.layout, CUBLASLT_MATRIX_LAYOUT_TYPE(), CUDA_R_16BF());
    assertEquals(CUBLAS_STATUS_NOT_SUPPORTED(), multiply(product(false, false), a, b, 0, d));
  }
}
