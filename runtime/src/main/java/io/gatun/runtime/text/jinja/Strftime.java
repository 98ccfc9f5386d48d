package io.gatun.runtime.text.jinja;

import java.time.Clock;
import java.time.LocalDate;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** {@code strftime} in the C locale, with glibc's {@code %-d} (no padding). */
final class Strftime {
  private Strftime() {}

  /** The clock's time in its zone, by a format. */
  static String format(String format, Clock clock) {
    ZonedDateTime time = ZonedDateTime.now(clock);
    var out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        out.append(c);
        continue;
      }
      c = format.charAt(++i);
      boolean bare = c == '-' && i + 1 < format.length();
      if (bare) {
        c = format.charAt(++i);
      }
      String field = field(c, time);
      out.append(bare ? field.replaceFirst("^[0 ]+(?=.)", "") : field);
    }
    return out.toString();
  }

  private static String field(char c, ZonedDateTime t) {
    return switch (c) {
      case 'a' -> by("EEE", t);
      case 'A' -> by("EEEE", t);
      case 'b', 'h' -> by("MMM", t);
      case 'B' -> by("MMMM", t);
      case 'c' -> by("EEE MMM ", t) + field('e', t) + by(" HH:mm:ss yyyy", t);
      case 'd' -> by("dd", t);
      case 'D', 'x' -> by("MM/dd/yy", t);
      case 'e' -> "%2d".formatted(t.getDayOfMonth());
      case 'f' -> "%06d".formatted(t.get(ChronoField.MICRO_OF_SECOND));
      case 'F' -> by("yyyy-MM-dd", t);
      case 'G' -> Integer.toString(t.get(IsoFields.WEEK_BASED_YEAR));
      case 'H' -> by("HH", t);
      case 'I' -> by("hh", t);
      case 'j' -> by("DDD", t);
      case 'm' -> by("MM", t);
      case 'M' -> by("mm", t);
      case 'p' -> by("a", t);
      case 'r' -> by("hh:mm:ss a", t);
      case 'R' -> by("HH:mm", t);
      case 's' -> Long.toString(t.toEpochSecond());
      case 'S' -> by("ss", t);
      case 'T', 'X' -> by("HH:mm:ss", t);
      case 'u' -> Integer.toString(t.getDayOfWeek().getValue());
      case 'U' -> "%02d".formatted(week(t.toLocalDate(), t.getDayOfWeek().getValue() % 7));
      case 'V' -> "%02d".formatted(t.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
      case 'w' -> Integer.toString(t.getDayOfWeek().getValue() % 7);
      case 'W' -> "%02d".formatted(week(t.toLocalDate(), t.getDayOfWeek().getValue() - 1));
      case 'y' -> by("yy", t);
      case 'Y' -> by("yyyy", t);
      case 'z', 'Z' -> "";
      case '%' -> "%";
      default -> "%" + c;
    };
  }

  private static String by(String pattern, ZonedDateTime time) {
    return DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(time);
  }

  /** Weeks of the year, counted from its first day that has week day 0. */
  private static int week(LocalDate date, int weekDay) {
    return (date.getDayOfYear() + 6 - weekDay) / 7;
  }
}
