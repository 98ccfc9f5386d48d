package io.gatun.bench.check;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What a figure says of its bar, and how figures look. */
class FigureTest {
  private static final Figure FAST =
      Figure.of(3, "dequantize", "3900 GB/s", 0.93, Bar.atLeast(0.9), "of a copy");
  private static final Figure LARGE = Figure.of(9, "peak", "8.4 GB", 8.4, Bar.atMost(8), "");
  private static final Figure MISSING = Figure.missing(7, "attention", "no kernel");

  @Test
  void aBarIsMetOrNot() {
    assertEquals("met", FAST.verdict());
    assertEquals("short", LARGE.verdict());
    assertEquals("not run", MISSING.verdict());
    assertEquals("", FAST.withoutBar().verdict());
    assertEquals("", Figure.plain(0, "ceiling", "790 TFLOP/s", "").verdict());
  }

  @Test
  void numbersHaveTheDigitsThatMatter() {
    assertEquals("0.930", Figure.number(0.93));
    assertEquals("8.40", Figure.number(8.4));
    assertEquals("45.0", Figure.number(45));
    assertEquals("3900", Figure.number(3900));
    assertEquals("0", Figure.number(0));
  }

  @Test
  void columnsStandUnderEachOther() {
    var lines = CheckTable.lines(List.of(FAST, LARGE, MISSING));
    assertEquals(
        List.of(
            "target  what        measured   value  asked",
            "3       dequantize  3900 GB/s  0.930  >= 0.900  met      of a copy",
            "9       peak        8.4 GB     8.40   <= 8.00   short",
            "7       attention                               not run  no kernel"),
        lines);
  }
}
