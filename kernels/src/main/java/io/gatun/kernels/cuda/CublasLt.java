package io.gatun.kernels.cuda;

import static io.gatun.bindings.cublaslt.CublasLt.*;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.bindings.cublaslt.cublasLtMatmulAlgo_t;
import io.gatun.bindings.cublaslt.cublasLtMatmulHeuristicResult_t;
import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/**
 * Products by cuBLASLt. Its matrices are stored column by column, ours row by row: it is given b as
 * its left operand and computes yᵀ. For each shape the first algorithm it proposes is kept, among
 * those that add partial sums in F32 in an order of their own, so that results repeat; F32 operands
 * are not shortened. All methods are called under the device's lock.
 */
final class CublasLt {
  static final long WORKSPACE_BYTES = CudaDevice.SCRATCH_BYTES;
  private static final int MOST_PLANS = 1024;
  private static final long LARGEST_ALIGNMENT = 256;

  /** All that the choice of an algorithm depends on. */
  private static final class Key {
    private final long[] words = new long[5];

    Key set(CudaProduct p, boolean bias, long alignments) {
      int types = p.a().dtype().ordinal() << 2 | p.y().dtype().ordinal();
      int turns = (p.turnA() ? 1 : 0) | (p.turnB() ? 2 : 0) | (bias ? 4 : 0);
      words[0] = pair(types, turns);
      words[1] = pair(p.y().rows(), p.y().cols());
      words[2] = pair(p.depth(), p.a().rowStride());
      words[3] = pair(p.b().rowStride(), p.y().rowStride());
      words[4] = alignments;
      return this;
    }

    private static long pair(int high, int low) {
      return (long) high << 32 | low & 0xffffffffL;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Key key && Arrays.equals(words, key.words);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(words);
    }
  }

  /** What is made once a key; left and right as cuBLASLt sees them. */
  private record Plan(
      MemorySegment product,
      MemorySegment left,
      MemorySegment right,
      MemorySegment result,
      byte[] algorithm) {
    void destroy() {
      cublasLtMatrixLayoutDestroy(left);
      cublasLtMatrixLayoutDestroy(right);
      cublasLtMatrixLayoutDestroy(result);
      cublasLtMatmulDescDestroy(product);
    }
  }

  private final CudaDevice device;
  private final MemorySegment handle;
  private final MemorySegment workspace;
  private final MemorySegment out; // what calls return
  private final MemorySegment value; // of an attribute
  private final MemorySegment scale;
  private final MemorySegment kept; // 0 or 1, for what y holds
  private final MemorySegment found;
  private final MemorySegment algorithm;
  private final Key wanted = new Key(); // filled again for each product
  private final SequencedMap<Key, Plan> plans = new LinkedHashMap<>(64, 0.75f, true);

  /**
   * Opens the library.
   *
   * @param device whose products it makes; its context is current
   * @param workspace address of {@link #WORKSPACE_BYTES} on the device
   */
  CublasLt(CudaDevice device, long workspace) {
    this.device = device;
    this.workspace = MemorySegment.ofAddress(workspace);
    var arena = Arena.ofAuto(); // passing what a shared one owns would cost time
    out = arena.allocate(ADDRESS);
    value = arena.allocate(JAVA_LONG);
    scale = arena.allocate(JAVA_FLOAT);
    kept = arena.allocate(JAVA_FLOAT);
    found = arena.allocate(cublasLtMatmulHeuristicResult_t.layout());
    algorithm = arena.allocate(cublasLtMatmulAlgo_t.layout());
    check(cublasLtCreate(out), "cuBLASLt does not start");
    handle = out.get(ADDRESS, 0);
  }

  /** Enqueues a product. */
  void multiply(CudaProduct p, long a, long b, long y, long bias, MemorySegment stream) {
    var plan = plan(p, bias != 0, alignment(a) | alignment(b) << 16 | alignment(y) << 32);
    if (bias != 0) {
      value.set(JAVA_LONG, 0, bias);
      describe(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER(), JAVA_LONG.byteSize());
    }
    scale.set(JAVA_FLOAT, 0, p.scale());
    kept.set(JAVA_FLOAT, 0, p.add() ? 1 : 0);
    MemorySegment.copy(plan.algorithm, 0, algorithm, JAVA_BYTE, 0, plan.algorithm.length);
    var result = MemorySegment.ofAddress(y);
    check(
        cublasLtMatmul(
            handle,
            plan.product,
            scale,
            MemorySegment.ofAddress(b),
            plan.left,
            MemorySegment.ofAddress(a),
            plan.right,
            kept,
            result,
            plan.result,
            result,
            plan.result,
            algorithm,
            workspace,
            WORKSPACE_BYTES,
            stream),
        p);
  }

  /** The plan of products like this one, made when it is the first. */
  private Plan plan(CudaProduct p, boolean bias, long alignments) {
    var plan = plans.get(wanted.set(p, bias, alignments));
    if (plan == null) {
      plan = newPlan(p, bias, alignments);
      plans.put(new Key().set(p, bias, alignments), plan);
      forgetOldest();
    }
    return plan;
  }

  private static long alignment(long address) {
    return Math.min(Long.lowestOneBit(address), LARGEST_ALIGNMENT);
  }

  private void forgetOldest() {
    if (plans.size() > MOST_PLANS) {
      var oldest = plans.pollFirstEntry();
      oldest.getValue().destroy();
    }
  }

  private Plan newPlan(CudaProduct p, boolean bias, long alignments) {
    check(cublasLtMatmulDescCreate(out, CUBLAS_COMPUTE_32F(), CUDA_R_32F()), p);
    var product = out.get(ADDRESS, 0);
    describe(product, CUBLASLT_MATMUL_DESC_TRANSA(), p.turnB() ? CUBLAS_OP_T() : CUBLAS_OP_N());
    describe(product, CUBLASLT_MATMUL_DESC_TRANSB(), p.turnA() ? CUBLAS_OP_T() : CUBLAS_OP_N());
    if (bias) {
      describe(product, CUBLASLT_MATMUL_DESC_EPILOGUE(), CUBLASLT_EPILOGUE_BIAS());
      value.set(JAVA_LONG, 0, LARGEST_ALIGNMENT); // any address but null; each call sets its own
      describe(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER(), JAVA_LONG.byteSize());
    }
    var left = layout(p, p.b());
    var right = layout(p, p.a());
    var result = layout(p, p.y());
    var plan = new Plan(product, left, right, result, new byte[(int) algorithm.byteSize()]);
    try {
      choose(p, plan, alignments);
    } catch (DeviceException e) {
      plan.destroy();
      throw e;
    }
    return plan;
  }

  /** Asks for the first algorithm of a plan. */
  private void choose(CudaProduct p, Plan plan, long alignments) {
    check(cublasLtMatmulPreferenceCreate(out), p);
    var preference = out.get(ADDRESS, 0);
    try {
      value.set(JAVA_LONG, 0, WORKSPACE_BYTES);
      check(
          cublasLtMatmulPreferenceSetAttribute(
              preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES(), value, JAVA_LONG.byteSize()),
          p);
      prefer(
          preference,
          CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK(),
          CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE());
      long y = alignments >>> 32;
      prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES(), alignments >>> 16 & 0xffff);
      prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES(), alignments & 0xffff);
      prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES(), y);
      prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES(), y);
      check(
          cublasLtMatmulAlgoGetHeuristic(
              handle,
              plan.product,
              plan.left,
              plan.right,
              plan.result,
              plan.result,
              preference,
              1,
              found,
              out),
          p);
      if (out.get(JAVA_INT, 0) < 1) {
        throw new DeviceException("%s: cuBLASLt has no algorithm (%s)".formatted(p, device));
      }
      var chosen = cublasLtMatmulHeuristicResult_t.algo(found);
      MemorySegment.copy(chosen, JAVA_BYTE, 0, plan.algorithm, 0, plan.algorithm.length);
    } finally {
      cublasLtMatmulPreferenceDestroy(preference);
    }
  }

  private MemorySegment layout(CudaProduct p, io.gatun.kernels.Matrix m) {
    int type = m.dtype() == DType.F32 ? CUDA_R_32F() : CUDA_R_16BF();
    check(cublasLtMatrixLayoutCreate(out, type, m.cols(), m.rows(), m.rowStride()), p);
    return out.get(ADDRESS, 0);
  }

  private void describe(MemorySegment product, int attribute, int number) {
    value.set(JAVA_INT, 0, number);
    describe(product, attribute, JAVA_INT.byteSize());
  }

  private void describe(MemorySegment product, int attribute, long bytes) {
    check(cublasLtMatmulDescSetAttribute(product, attribute, value, bytes), "a product");
  }

  private void prefer(MemorySegment preference, int attribute, long number) {
    value.set(JAVA_INT, 0, (int) number);
    long bytes = JAVA_INT.byteSize();
    check(cublasLtMatmulPreferenceSetAttribute(preference, attribute, value, bytes), "a product");
  }

  private void check(int code, Object what) {
    if (code != 0) {
      String name = cublasLtGetStatusName(code).reinterpret(Long.MAX_VALUE).getString(0);
      throw new DeviceException("%s: %s (%s)".formatted(what, name, device));
    }
  }

  /** The context is idle. */
  void close() {
    plans.values().forEach(Plan::destroy);
    cublasLtDestroy(handle);
  }
}
