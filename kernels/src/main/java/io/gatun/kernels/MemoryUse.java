package io.gatun.kernels;

import java.util.Comparator;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Memory of a device at one moment, in bytes.
 *
 * @param allocated live now
 * @param peak most that was ever in use, live and kept by the device for itself
 * @param capacity what the device may hold: on a GPU, what was free when it was opened
 * @param byName live bytes by buffer name; what a device keeps for itself stands here too, but is
 *     not part of what is allocated
 */
public record MemoryUse(long allocated, long peak, long capacity, SortedMap<String, Long> byName) {
  /** Copies the map. */
  public MemoryUse {
    byName = java.util.Collections.unmodifiableSortedMap(new TreeMap<>(byName));
  }

  /**
   * One line a name, largest first: bytes, then the name.
   *
   * @return lines, each ended by a line break; empty when nothing is live
   */
  public String table() {
    var text = new StringBuilder();
    byName.entrySet().stream()
        .sorted(Map.Entry.<String, Long>comparingByValue(Comparator.reverseOrder()))
        .forEach(e -> text.append("%,20d  %s%n".formatted(e.getValue(), e.getKey())));
    return text.toString();
  }
}
