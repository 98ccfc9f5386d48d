package io.gatun.quant.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Decodes rows of one stored tensor to fp32, small pieces at a time, so that a piece stays in the
 * processor's cache; large ranges in parallel.
 *
 * @param data the stored rows
 * @param encoding their form; a row is a whole number of blocks
 * @param cols values in a row
 * @param order where row i is stored
 * @param shift added to every value; 0 adds nothing
 */
record RowDecoder(MemorySegment data, Encoding encoding, int cols, RowOrder order, float shift) {
  private static final int PIECE = 8192; // values: 32 KiB of fp32
  private static final int SHARE = 1 << 20; // values worth a task of their own

  /** Decodes rows first … first + count - 1 to {@code to}, dense. */
  void read(int first, int count, MemorySegment to) {
    long values = (long) count * cols;
    int tasks = (int) Math.min(count, Math.max(1, values / SHARE));
    if (tasks > 1 && isShared(data) && isShared(to)) {
      IntStream.range(0, tasks)
          .parallel()
          .forEach(t -> readRows(first, share(count, t, tasks), share(count, t + 1, tasks), to));
    } else {
      readRows(first, 0, count, to);
    }
  }

  /** The bytes, if they are the values in order. */
  Optional<MemorySegment> raw() {
    boolean asStored = encoding.isPlain() && order instanceof RowOrder.Stored && shift == 0;
    return asStored ? Optional.of(data) : Optional.empty();
  }

  private static int share(int count, int task, int tasks) {
    return (int) ((long) count * task / tasks);
  }

  private static boolean isShared(MemorySegment segment) {
    return segment.isAccessibleBy(Thread.ofPlatform().unstarted(() -> {}));
  }

  /** Rows first + from … first + until - 1, to rows from … of the destination. */
  private void readRows(int first, int from, int until, MemorySegment to) {
    int longest = Math.max(encoding.block, PIECE / encoding.block * encoding.block);
    // Rows in file order are one run of values; others are read row by row.
    boolean run = order instanceof RowOrder.Stored;
    long values = run ? (long) (until - from) * cols : cols;
    var out = new float[(int) Math.min(longest, values)];
    var in = new byte[(int) encoding.bytes(out.length)];
    for (int row = from; row < until; row += run ? until - from : 1) {
      long source = (long) order.storedRow(first + row) * cols;
      for (long done = 0; done < values; done += out.length) {
        int n = (int) Math.min(out.length, values - done);
        int bytes = (int) encoding.bytes(n);
        MemorySegment.copy(
            data, ValueLayout.JAVA_BYTE, encoding.bytes(source + done), in, 0, bytes);
        encoding.decode(in, 0, out, 0, n);
        add(out, n);
        long target = ((long) row * cols + done) * Float.BYTES;
        MemorySegment.copy(out, 0, to, ValueLayout.JAVA_FLOAT_UNALIGNED, target, n);
      }
    }
  }

  private void add(float[] values, int count) {
    for (int i = 0; shift != 0 && i < count; i++) {
      values[i] += shift;
    }
  }
}
