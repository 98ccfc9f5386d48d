package io.gatun.kernels;

import java.lang.foreign.Arena;
import java.util.BitSet;
import java.util.List;

/**
 * The segments of a batch, checked, with a table on the device. The table has {@value
 * #TABLE_COLUMNS} integers a segment: queryFirst, queryLength, keyFirst, keyLength, parent,
 * position of own key 0.
 */
public final class Segments {
  /** Integers a segment in {@link #table}. */
  public static final int TABLE_COLUMNS = 6;

  private final List<Segment> list;
  private final int[] starts;
  private final int queryRows;
  private final int keyRows;
  private final int mostKeys;
  private final Ints table;

  private Segments(
      List<Segment> list, int[] starts, int queryRows, int keyRows, int mostKeys, Ints table) {
    this.list = list;
    this.starts = starts;
    this.queryRows = queryRows;
    this.keyRows = keyRows;
    this.mostKeys = mostKeys;
    this.table = table;
  }

  /**
   * Checks segments and writes their table into new memory.
   *
   * @param device where the table goes
   * @param list the segments, parents before children
   * @param arena frees the table when it closes
   * @return the segments
   * @throws IllegalArgumentException when a parent does not come earlier, key ranges overlap, or
   *     the query ranges do not cover rows 0 to their sum exactly once
   */
  public static Segments of(Device device, List<Segment> list, Arena arena) {
    return of(list, Ints.allocate(device, "segments", list.size() * TABLE_COLUMNS, arena));
  }

  /**
   * Checks segments and writes their table into memory that is there.
   *
   * @param list the segments, parents before children
   * @param room at least {@value #TABLE_COLUMNS} integers a segment
   * @return the segments; valid until the room is written again
   * @throws IllegalArgumentException as for {@link #of(Device, List, Arena)}
   */
  public static Segments of(List<Segment> list, Ints room) {
    var segments = growing(list, 0, room);
    HostCopy.write(segments.table, segments.values());
    return segments;
  }

  /**
   * Checks segments whose table the caller writes: for decoding, where they grow with every token,
   * and what was launched for them may run again on a later table.
   *
   * @param list the segments, parents before children
   * @param mostKeys keys that a segment may have come to have then
   * @param room at least {@value #TABLE_COLUMNS} integers a segment, for {@link #values}
   * @return the segments
   * @throws IllegalArgumentException as for {@link #of(Device, List, Arena)}
   */
  public static Segments growing(List<Segment> list, int mostKeys, Ints room) {
    list = List.copyOf(list);
    Ints table = room.slice(0, list.size() * TABLE_COLUMNS);
    return new Segments(list, starts(list), queryRows(list), keyRows(list), mostKeys, table);
  }

  /**
   * What the table holds.
   *
   * @return {@value #TABLE_COLUMNS} integers a segment
   */
  public int[] values() {
    var values = new int[list.size() * TABLE_COLUMNS];
    for (int i = 0, at = 0; i < list.size(); i++) {
      Segment s = list.get(i);
      values[at++] = s.queryFirst();
      values[at++] = s.queryLength();
      values[at++] = s.keyFirst();
      values[at++] = s.keyLength();
      values[at++] = s.parent();
      values[at++] = starts[i];
    }
    return values;
  }

  private static int[] starts(List<Segment> list) {
    var starts = new int[list.size()];
    for (int i = 0; i < starts.length; i++) {
      int parent = list.get(i).parent();
      if (parent >= i) {
        throw new IllegalArgumentException(
            "segment %d has parent %d; parents must come before their children"
                .formatted(i, parent));
      }
      starts[i] = parent < 0 ? 0 : Math.addExact(starts[parent], list.get(parent).keyLength());
    }
    return starts;
  }

  private static int queryRows(List<Segment> list) {
    int rows = Math.toIntExact(list.stream().mapToLong(Segment::queryLength).sum());
    var covered = new BitSet(rows);
    for (Segment s : list) {
      int end = s.queryFirst() + s.queryLength();
      if (s.queryLength() > 0 && (end > rows || !claim(covered, s.queryFirst(), end))) {
        throw new IllegalArgumentException(
            "the queries %d to %d of a segment leave the %d query rows or overlap another segment's"
                .formatted(s.queryFirst(), end - 1, rows));
      }
    }
    return rows;
  }

  private static int keyRows(List<Segment> list) {
    var covered = new BitSet();
    for (Segment s : list) {
      int end = s.keyFirst() + s.keyLength();
      if (s.keyLength() > 0 && !claim(covered, s.keyFirst(), end)) {
        throw new IllegalArgumentException(
            "the keys %d to %d of a segment overlap another segment's; share keys through a parent"
                .formatted(s.keyFirst(), end - 1));
      }
    }
    return covered.length();
  }

  private static boolean claim(BitSet covered, int first, int end) {
    int next = covered.nextSetBit(first);
    covered.set(first, end);
    return next < 0 || next >= end;
  }

  /**
   * The segments.
   *
   * @return in order
   */
  public List<Segment> list() {
    return list;
  }

  /**
   * Rows of the query matrix.
   *
   * @return sum of all query lengths
   */
  public int queryRows() {
    return queryRows;
  }

  /**
   * Rows that the key matrix must have at least.
   *
   * @return one past the last key row
   */
  public int keyRows() {
    return keyRows;
  }

  /**
   * Keys of a segment for which a launch has to have room.
   *
   * @param segment its index
   * @return those it has, or may come to have
   */
  public int mostKeys(int segment) {
    return Math.max(mostKeys, list.get(segment).keyLength());
  }

  /**
   * The longest chain of parents.
   *
   * @return keys of a segment and of all its parents
   */
  public int longestChain() {
    int longest = 0;
    for (int i = 0; i < starts.length; i++) {
      longest = Math.max(longest, Math.addExact(starts[i], list.get(i).keyLength()));
    }
    return longest;
  }

  /**
   * Where a segment begins.
   *
   * @param segment its index
   * @return the position of its own key 0: keys of its parent chain
   */
  public int start(int segment) {
    return starts[segment];
  }

  /**
   * The table on the device.
   *
   * @return {@value #TABLE_COLUMNS} integers a segment
   */
  public Ints table() {
    return table;
  }

  /**
   * The position of each query row.
   *
   * @return queryRows positions
   */
  public int[] positions() {
    var positions = new int[queryRows];
    for (int i = 0; i < starts.length; i++) {
      Segment s = list.get(i);
      int first = starts[i] + s.keyLength() - s.queryLength();
      for (int j = 0; j < s.queryLength(); j++) {
        positions[s.queryFirst() + j] = first + j;
      }
    }
    return positions;
  }
}
