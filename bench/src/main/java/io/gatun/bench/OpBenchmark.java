package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What the benchmark of every operation shares: a device, matrices of random numbers on it, and the
 * roofline column. Each operation is called once an invocation; its class says what size.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public abstract class OpBenchmark {
  /** Threads of the device. */
  @Param({"1", "2"})
  public int threads;

  /** Type of the activations. */
  @Param({"BF16", "F32"})
  public DType dtype;

  private Device device;
  private Arena arena;

  /**
   * The roofline column: the memory that the operation must read and write, a second, to be held
   * against the bandwidth of the machine; for products the arithmetic instead.
   */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Roofline {
    /** 10^9 bytes that had to move. */
    public double gigabytes;

    /** 10^9 multiplications and additions. */
    public double gigaflops;

    /**
     * Counts one call.
     *
     * @param bytes read and written
     */
    public void bytes(long bytes) {
      gigabytes += bytes / 1e9;
    }

    /**
     * Counts one call.
     *
     * @param operations multiplications and additions
     */
    public void flops(double operations) {
      gigaflops += operations / 1e9;
    }
  }

  /** Opens the strongest variant that the machine can run, then makes the operands. */
  @Setup
  public void open() {
    device = Device.cpu(threads, CpuVariant.available().getLast());
    arena = Arena.ofShared();
    prepare();
  }

  /** Frees everything. */
  @TearDown
  public void close() {
    arena.close();
    device.close();
  }

  /** Makes the operands. */
  abstract void prepare();

  /** A matrix of the activations' type, normally distributed. */
  final Matrix activations(String name, int rows, int cols) {
    return random(name, dtype, rows, cols);
  }

  /** A matrix, normally distributed. */
  final Matrix random(String name, DType type, int rows, int cols) {
    var matrix = Matrix.allocate(device, name, type, rows, cols, arena);
    var random = new Random(1);
    var row = new float[cols];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < cols; j++) {
        row[j] = (float) random.nextGaussian();
      }
      HostCopy.write(matrix.rowSlice(i, 1), row);
    }
    return matrix;
  }

  /** Integers from 0 to below the bound. */
  final Ints below(String name, int length, int bound) {
    var ints = Ints.allocate(device, name, length, arena);
    HostCopy.write(ints, new Random(1).ints(length, 0, bound).toArray());
    return ints;
  }

  final Device device() {
    return device;
  }

  final Arena arena() {
    return arena;
  }

  /** Bytes of the elements of matrices. */
  static long bytes(Matrix... matrices) {
    long sum = 0;
    for (Matrix m : matrices) {
      sum += Matrix.bytes(m.dtype(), m.rows(), m.cols());
    }
    return sum;
  }
}
