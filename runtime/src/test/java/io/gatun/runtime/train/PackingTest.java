package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.quant.Golden;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class PackingTest {
  @Test
  void binsAndTheirOrderAreThoseOfTrl() {
    Golden.files("trl", "packing_collator.json")
        .run(file -> {
          int compared = 0;
          for (JsonNode c : new ObjectMapper().readTree(file.path().toFile()).get("packing")) {
            if (c.get("strategy").asString().equals("bfd")) {
              compare(c);
              compared++;
            }
          }
          System.out.println(
              "golden trl packing: compared "
                  + compared
                  + " bfd cases; bfd_split and wrapped cut rows, which this runtime does not");
        });
  }

  private static void compare(JsonNode c) {
    int capacity = c.get("seq_length").asInt();
    List<List<Integer>> rows = new ArrayList<>();
    for (JsonNode ids : c.get("input_ids")) {
      List<Integer> row = new ArrayList<>();
      ids.forEach(id -> row.add(id.asInt()));
      rows.add(row.subList(0, Math.min(capacity, row.size())));
    }
    int[] lengths = rows.stream().mapToInt(List::size).toArray();
    List<List<Integer>> bins = Packing.bestFitDecreasing(lengths, capacity);
    JsonNode packed = c.get("packed").get("input_ids");
    assertEquals(packed.size(), bins.size(), c.get("case").asString());
    for (int b = 0; b < bins.size(); b++) {
      List<Integer> ids = new ArrayList<>();
      bins.get(b).forEach(row -> ids.addAll(rows.get(row)));
      List<Integer> expected = new ArrayList<>();
      packed.get(b).forEach(id -> expected.add(id.asInt()));
      assertEquals(expected, ids, "bin " + b);
    }
  }

  @Test
  void aRowLongerThanTheCapacityStandsAlone() {
    assertEquals(
        List.of(List.of(1), List.of(0, 2)), Packing.bestFitDecreasing(new int[] {3, 9, 1}, 4));
  }

  @Test
  void anEpochIsAPermutationThatDependsOnSeedAndEpochAlone() {
    int[] first = EpochOrder.shuffled(7, 0, 1000);
    assertEquals(1000, IntStream.of(first).distinct().filter(i -> i >= 0 && i < 1000).count());
    assertEquals(list(first), list(EpochOrder.shuffled(7, 0, 1000)));
    long moved = IntStream.range(0, 1000).filter(i -> first[i] != i).count();
    assertEquals(true, moved > 950);
    long others =
        IntStream.range(0, 1000)
            .filter(i -> first[i] != EpochOrder.shuffled(7, 1, 1000)[i])
            .count();
    assertEquals(true, others > 950);
    assertEquals(List.of(0, 1, 2), list(EpochOrder.sequential(3)));
  }

  private static List<Integer> list(int[] values) {
    return IntStream.of(values).boxed().toList();
  }
}
