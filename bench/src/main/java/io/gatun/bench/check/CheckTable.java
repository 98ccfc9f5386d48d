package io.gatun.bench.check;

import java.util.ArrayList;
import java.util.List;

/** Figures as lines whose columns stand under each other. */
final class CheckTable {
  private CheckTable() {}

  static List<String> lines(List<Figure> figures) {
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("target", "what", "measured", "value", "asked", "", ""));
    for (var f : figures) {
      rows.add(
          List.of(
              f.target() == 0 ? "" : "" + f.target(),
              f.what(),
              f.measured(),
              f.value().map(Figure::number).orElse(""),
              f.bar().map(Bar::toString).orElse(""),
              f.verdict(),
              f.note()));
    }
    int columns = rows.getFirst().size();
    var lines = rows.stream().map(_ -> new StringBuilder()).toList();
    for (int column = 0; column < columns; column++) {
      int place = column;
      int width = rows.stream().mapToInt(row -> row.get(place).length()).max().orElse(0);
      for (int row = 0; row < rows.size(); row++) {
        String cell = rows.get(row).get(column);
        lines.get(row).append(cell).append(" ".repeat(width - cell.length() + 2));
      }
    }
    return lines.stream().map(line -> line.toString().stripTrailing()).toList();
  }
}
