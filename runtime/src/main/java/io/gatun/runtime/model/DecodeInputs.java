package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segments;

/**
 * All that a pass of decoding is told by numbers that change from one to the next: one table, that
 * one upload fills. Passes of the same form find everything in the same place.
 *
 * @param ids token of each row
 * @param targets row of the cache for each row's keys and values
 * @param last the last row of each feed
 * @param choices for each feed, random bits and the sequence that takes what they choose, or -1
 * @param segments which rows attend to which rows of the cache
 * @param cos (tokens, headDim / 2) F32, of the position of each token
 * @param sin (tokens, headDim / 2) F32
 */
record DecodeInputs(
    Ints ids, Ints targets, Ints last, Ints choices, Segments segments, Matrix cos, Matrix sin) {
  private static final int LINE = 32; // integers on which each part begins: 128 bytes

  /** Integers that passes take. */
  static int room(int tokens, int feeds, DecoderConfig config) {
    long angles = (long) tokens * (config.headDim() / 2);
    long segments = (feeds + 1L) * Segments.TABLE_COLUMNS;
    return Math.toIntExact(2L * tokens + 3L * feeds + segments + 2 * angles + 7L * LINE);
  }

  /** Fills the table for tokens at the end of the sequences of a cache. */
  static DecodeInputs upload(
      Ints room, Decoder decoder, int[] ids, int[] last, int[] choices, KvCache.Growth growth) {
    int half = decoder.config().headDim() / 2;
    int targets = next(ids.length);
    int lasts = targets + next(ids.length);
    int chosen = lasts + next(last.length);
    int table = chosen + next(choices.length);
    int cos = table + next(growth.segments().size() * Segments.TABLE_COLUMNS);
    int sin = cos + next(ids.length * half);
    var segments =
        Segments.growing(
            growth.segments(), growth.mostKeys(), room.slice(table, room.length() - table));
    var values = new int[sin + ids.length * half];
    copy(ids, values, 0);
    copy(growth.targets(), values, targets);
    copy(last, values, lasts);
    copy(choices, values, chosen);
    copy(segments.values(), values, table);
    float[] c = new float[ids.length * half];
    float[] s = new float[ids.length * half];
    DecoderPass.angles(decoder.rotations(), segments, c, s);
    for (int i = 0; i < c.length; i++) {
      values[cos + i] = Float.floatToRawIntBits(c[i]);
      values[sin + i] = Float.floatToRawIntBits(s[i]);
    }
    HostCopy.write(room.slice(0, values.length), values);
    return new DecodeInputs(
        room.slice(0, ids.length),
        room.slice(targets, ids.length),
        room.slice(lasts, last.length),
        room.slice(chosen, choices.length),
        segments,
        floats(room.slice(cos, c.length), half),
        floats(room.slice(sin, s.length), half));
  }

  private static int next(int length) {
    return Math.ceilDiv(length, LINE) * LINE;
  }

  private static void copy(int[] from, int[] to, int at) {
    System.arraycopy(from, 0, to, at, from.length);
  }

  private static Matrix floats(Ints part, int cols) {
    return Matrix.of(part.buffer(), part.offset(), DType.F32, part.length() / cols, cols);
  }
}
