package io.gatun.kernels.cuda;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.cuda.CudaArguments.Own;
import io.gatun.kernels.cuda.CudaModules.Loaded;
import io.gatun.kernels.cuda.CudaSignature.Type;

/**
 * A launch of a kernel: its arguments, pushed in the order of the kernel's parameters, then {@link
 * #enqueue} or {@link #ask}. The device is asked for nothing before, so a launch that is given up
 * half-way leaves nothing behind. Objects are used again, and nothing is allocated.
 */
public final class CudaLaunch {
  private static final int STRIP = 2 * Layout.TILE_ROWS; // rows of a warp, in nf4_mat_vec.cuh

  /** Bands that a launch passes at a time. */
  public static final int MOST_BANDS = 4;

  private final CudaLaunches launches;
  private final CudaArguments arguments = new CudaArguments();
  private int sharedBytes;
  private boolean early;

  CudaLaunch(CudaLaunches launches) {
    this.launches = launches;
  }

  CudaLaunch begin(Loaded kernel) {
    arguments.begin(kernel);
    sharedBytes = 0;
    early = false;
    return this;
  }

  CudaArguments arguments() {
    return arguments;
  }

  int sharedBytes() {
    return sharedBytes;
  }

  boolean early() {
    return early;
  }

  /**
   * Launches the kernel.
   *
   * @param blocks how many; with none nothing is launched
   * @throws DeviceException when the driver refuses, an earlier kernel failed, or the device has
   *     less scratch or fewer tickets than were asked for
   */
  public void enqueue(int blocks) {
    launches.enqueue(this, blocks);
  }

  /**
   * Launches a kernel that leaves an answer in the first eight bytes of the scratch, and waits.
   *
   * @param blocks how many, at least one
   * @return the answer
   * @throws DeviceException as {@link #enqueue}
   */
  public long ask(int blocks) {
    return launches.ask(this, blocks);
  }

  /**
   * Passes a matrix.
   *
   * @param name of the parameter
   * @param m a matrix of this device
   * @return this
   */
  public CudaLaunch matrix(String name, Matrix m) {
    int at = arguments.add(name, Type.MATRIX, m, 0);
    arguments.setLong(at + 8, m.rows());
    arguments.setLong(at + 16, m.cols());
    arguments.setLong(at + 24, m.rowStride());
    arguments.setLong(at + 32, code(m.dtype())); // and four bytes that nobody reads
    return this;
  }

  /**
   * Passes a band of a 4-bit matrix.
   *
   * @param name of the parameter
   * @param band a band on this device
   * @return this
   */
  public CudaLaunch band(String name, Band band) {
    band(arguments.add(name, Type.NF4_BAND, band, 0), band);
    return this;
  }

  /**
   * Passes a 4-bit matrix of few bands.
   *
   * @param name of the parameter
   * @param m a matrix on this device, of at most {@value #MOST_BANDS} bands
   * @param paired whether two bands of equal rows are worked on row beside row
   * @return this
   */
  public CudaLaunch bands(String name, Nf4Matrix m, boolean paired) {
    int at = arguments.add(name, Type.NF4_BANDS, m, 0);
    for (int i = 0; i < m.bands().size(); i++) {
      band(at + i * Type.NF4_BAND.bytes(), m.bands().get(i));
    }
    strips(at + MOST_BANDS * Type.NF4_BAND.bytes(), m, paired);
    return this;
  }

  /** Where bands begin, in rows and in strips of rows. */
  private void strips(int at, Nf4Matrix m, boolean paired) {
    int rows = 0;
    int strips = 0;
    for (int i = 0; i < MOST_BANDS; i++) {
      int count = i < m.bands().size() ? m.bands().get(i).rows() : 0;
      arguments.setInt(at + 4 * i, rows);
      rows += count;
      strips += paired ? 0 : Math.ceilDiv(count, STRIP);
      arguments.setInt(at + 4 * (MOST_BANDS + i), strips);
    }
    int pairs = Math.ceilDiv(m.bands().getFirst().rows(), Layout.TILE_ROWS);
    arguments.setInt(at + 8 * MOST_BANDS, paired ? pairs : strips);
    arguments.setInt(at + 8 * MOST_BANDS + 4, paired ? 1 : 0);
  }

  private void band(int at, Band band) {
    arguments.setLong(at, band.rows());
    arguments.setLong(at + 8, band.cols());
    arguments.setInt(at + 44, band.code().ordinal());
    arguments.setInt(at + 48, band.blockSize());
    arguments.setInt(at + 52, code(band.recordedDtype()));
    arguments.setLong(at + 56, band.layout().ordinal()); // and four bytes that nobody reads
  }

  /**
   * Passes adapters.
   *
   * @param name of the parameter
   * @param adapters that {@link CudaAdapters#fit}
   * @return this
   */
  public CudaLaunch adapters(String name, CudaAdapters adapters) {
    arguments.adapters(arguments.add(name, Type.LORA, adapters, 0), adapters);
    return this;
  }

  /**
   * Passes the address of a byte of a buffer.
   *
   * @param name of the parameter
   * @param buffer a buffer of this device
   * @param offset a byte of it
   * @return this
   */
  public CudaLaunch pointer(String name, Buffer buffer, long offset) {
    arguments.add(name, Type.POINTER, buffer, offset);
    return this;
  }

  /**
   * Passes a null pointer, for an argument that is not there.
   *
   * @param name of the parameter
   * @return this
   */
  public CudaLaunch absent(String name) {
    arguments.setLong(arguments.add(name, Type.POINTER, Own.VALUE, 0), 0);
    return this;
  }

  /**
   * Passes a float.
   *
   * @param name of the parameter
   * @param value the value
   * @return this
   */
  public CudaLaunch number(String name, float value) {
    arguments.setFloat(arguments.add(name, Type.FLOAT, Own.VALUE, 0), value);
    return this;
  }

  /**
   * Passes an int.
   *
   * @param name of the parameter
   * @param value the value
   * @return this
   */
  public CudaLaunch integer(String name, int value) {
    arguments.setInt(arguments.add(name, Type.INT, Own.VALUE, 0), value);
    return this;
  }

  /**
   * Passes an i64.
   *
   * @param name of the parameter
   * @param value the value
   * @return this
   */
  public CudaLaunch count(String name, long value) {
    arguments.setLong(arguments.add(name, Type.LONG, Own.VALUE, 0), value);
    return this;
  }

  /**
   * Passes the address of scratch that the device holds for one op at a time: nothing is left in it
   * for the next.
   *
   * @param name of the parameter
   * @param bytes how much of it the op uses
   * @return this
   */
  public CudaLaunch scratch(String name, long bytes) {
    arguments.add(name, Type.POINTER, Own.SCRATCH, bytes);
    return this;
  }

  /**
   * Passes the address of 32-bit counters that are 0, and that the kernel leaves at 0.
   *
   * @param name of the parameter
   * @param count how many the op uses
   * @return this
   */
  public CudaLaunch tickets(String name, int count) {
    arguments.add(name, Type.POINTER, Own.TICKETS, count);
    return this;
  }

  /**
   * Passes the address of a counter that the kernel adds to when an id lies outside its table. The
   * next download or wait then throws.
   *
   * @param name of the parameter
   * @return this
   */
  public CudaLaunch badIndex(String name) {
    arguments.add(name, Type.POINTER, Own.BAD_INDEX, 0);
    return this;
  }

  /**
   * Passes the address of a counter that the kernel adds to when something is wrong with the
   * numbers it is given. The next download or wait then throws.
   *
   * @param name of the parameter
   * @param text what is wrong where the counter is not 0, for the exception
   * @return this
   */
  public CudaLaunch fault(String name, String text) {
    arguments.add(name, Type.POINTER, text, 0);
    return this;
  }

  /**
   * Gives each block dynamic shared memory; without a call it has none.
   *
   * @param bytes at most {@value CudaDevice#SHARED_BYTES}, which every GPU has, or what {@link
   *     CudaGrid#sharedBytes} tells
   * @return this
   */
  public CudaLaunch shared(int bytes) {
    sharedBytes = bytes;
    return this;
  }

  /**
   * Lets the kernel begin before the launch before it has ended, where that launch does not use the
   * bands that are passed: nothing else may be touched before wait_for_launch_before of the
   * prelude, though it may be brought near.
   *
   * @return this
   */
  public CudaLaunch mayBeginEarly() {
    early = true;
    return this;
  }

  /** Code of an element type in the prelude. */
  private static int code(DType dtype) {
    return switch (dtype) {
      case F32 -> 0;
      case F16 -> 1;
      case BF16 -> 2;
    };
  }
}
