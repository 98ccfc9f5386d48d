package io.gatun.kernels.cuda;

import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Matrix;
import java.util.Optional;
import java.util.function.Consumer;

/** Products on a GPU by cuBLASLt, and the device's own memory for their operands. */
public final class CudaProducts {
  private static final String PRODUCT = "product of ";

  private final CudaDevice device;
  private final CudaContext context;
  private final CudaScratch scratch;
  private Optional<CublasLt> library = Optional.empty(); // opened by the first product

  CudaProducts(CudaDevice device, CudaContext context, CudaScratch scratch) {
    this.device = device;
    this.context = context;
    this.scratch = scratch;
  }

  /**
   * Multiplies, after all that was asked for so far. An empty product, and one without terms, does
   * nothing.
   *
   * @param p what to multiply
   * @throws DeviceException when cuBLASLt refuses
   */
  public void multiply(CudaProduct p) {
    device.enter();
    try {
      if (p.y().rows() > 0 && p.y().cols() > 0 && p.depth() > 0) {
        long bias = p.bias().isPresent() ? address(p.bias().get()) : 0;
        long y = address(p.y());
        context.use(device.own(p.y().buffer()));
        context.profile().begin(PRODUCT, p.op(), context.work());
        library().multiply(p, address(p.a()), address(p.b()), y, bias, context.work());
        context.profile().end();
        device.errors().launched(p.op(), 0, p);
      }
    } finally {
      device.leave();
    }
  }

  private CublasLt library() {
    if (library.isEmpty()) {
      long workspace = scratch.workspace(CublasLt.WORKSPACE_BYTES);
      library = Optional.of(new CublasLt(device, workspace));
    }
    return library.get();
  }

  /** Of an operand that is only read, which orders nothing. */
  private long address(Matrix m) {
    var buffer = device.own(m.buffer());
    context.graphs().uses(buffer);
    return buffer.pointer() + m.offset();
  }

  /**
   * A matrix in the device's own memory, of undefined content, until the next call for the purpose.
   *
   * @param purpose what for
   * @param dtype type of the elements
   * @param rows rows
   * @param cols columns
   * @return the matrix
   */
  public Matrix scratch(Scratch purpose, DType dtype, int rows, int cols) {
    return device.guarded(() -> {
      var buffer = scratch.take(purpose, purpose.bytes(dtype, rows, cols));
      return new Matrix(buffer, 0, dtype, rows, cols, purpose.stride(cols));
    });
  }

  /**
   * Prepares a weight in the device's own memory, beside the work that was asked for before, and
   * uses it.
   *
   * @param dtype type it is used in
   * @param rows rows of all that is prepared
   * @param cols columns
   * @param prepare writes it, by launches alone
   * @param use reads it
   */
  public void withWeight(
      DType dtype, int rows, int cols, Consumer<Matrix> prepare, Consumer<Matrix> use) {
    device.guarded(() -> {
      scratch.withWeight(dtype, rows, cols, prepare, use);
      return dtype;
    });
  }

  /**
   * Uses a weight that lies decoded in memory of its owner's.
   *
   * @param weight all of it; the last call that used it has returned
   * @param prepare writes a part of it, by launches alone, beside the work that was asked for
   *     before
   * @param use reads it
   */
  public void withKept(Matrix weight, Consumer<Matrix> prepare, Consumer<Matrix> use) {
    device.guarded(() -> {
      scratch.withKept(weight, prepare, use);
      return weight;
    });
  }

  /** Waits for the context. */
  void close() {
    scratch.giveBack();
    context.synchronize();
    scratch.close();
    library.ifPresent(CublasLt::close);
  }
}
