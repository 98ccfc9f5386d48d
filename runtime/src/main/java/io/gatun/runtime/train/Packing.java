package io.gatun.runtime.train;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** Which rows share a micro-batch. */
final class Packing {
  private Packing() {}

  /**
   * Best fit, longest first: rows by falling length (equal lengths in order) each go to the bin
   * with the least room that still holds them, among equals to the one that came to that room
   * first, else to a new bin. A row longer than the capacity has a bin of its own; an empty row has
   * none.
   *
   * @param lengths tokens of each row
   * @param capacity tokens of a bin, positive
   * @return the rows of each bin, in the order bins were opened and rows were placed
   */
  static List<List<Integer>> bestFitDecreasing(int[] lengths, int capacity) {
    List<List<Integer>> bins = new ArrayList<>();
    TreeMap<Integer, Deque<List<Integer>>> byRoom = new TreeMap<>();
    IntStream.range(0, lengths.length)
        .boxed()
        .filter(row -> lengths[row] > 0)
        .sorted(Comparator.comparing((Integer row) -> -lengths[row]))
        .forEach(row -> {
          var fit = byRoom.ceilingEntry(lengths[row]);
          int room = capacity;
          List<Integer> bin;
          if (fit == null) {
            bin = new ArrayList<>();
            bins.add(bin);
          } else {
            room = fit.getKey();
            bin = fit.getValue().removeFirst();
            if (fit.getValue().isEmpty()) {
              byRoom.remove(room);
            }
          }
          bin.add(row);
          byRoom.computeIfAbsent(room - lengths[row], r -> new ArrayDeque<>()).addLast(bin);
        });
    return bins;
  }
}
