package io.gatun.runtime.cli;

import java.util.ArrayList;
import java.util.List;

/** Rows of cells as lines whose columns stand under each other. */
final class TextTable {
  private final int left;
  private final List<List<String>> rows = new ArrayList<>();

  /**
   * @param left how many columns, from the first, begin at the left; the others end at the right
   * @param header a cell for each column
   */
  TextTable(int left, String... header) {
    this.left = left;
    rows.add(List.of(header));
  }

  /** Adds a row with as many cells as the header. */
  void add(String... cells) {
    rows.add(List.of(cells));
  }

  /** The header and the rows. */
  List<String> lines() {
    var lines = rows.stream().map(_ -> new StringBuilder()).toList();
    for (int column = 0; column < rows.getFirst().size(); column++) {
      int place = column;
      var cells = rows.stream().map(row -> shown(row.get(place))).toList();
      int width = cells.stream().mapToInt(TextTable::width).max().orElseThrow();
      for (int row = 0; row < cells.size(); row++) {
        String blanks = " ".repeat(width - width(cells.get(row)));
        lines
            .get(row)
            .append(column == 0 ? "" : "  ")
            .append(column < left ? cells.get(row) + blanks : blanks + cells.get(row));
      }
    }
    return lines.stream().map(line -> line.toString().stripTrailing()).toList();
  }

  /** A name from a file, on one line. */
  private static String shown(String cell) {
    return cell.replaceAll("\\p{Cntrl}", " ");
  }

  private static int width(String text) {
    return text.codePointCount(0, text.length());
  }
}
