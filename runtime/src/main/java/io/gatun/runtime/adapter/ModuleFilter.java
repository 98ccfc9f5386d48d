package io.gatun.runtime.adapter;

import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** Which modules a name means, by PEFT's rules (formats.md 4.6). */
public sealed interface ModuleFilter {

  /** No module. */
  ModuleFilter NONE = new Names(List.of());

  /**
   * A module that equals one of the names or ends with a dot and one of them.
   *
   * @param names module paths or their ends
   */
  record Names(List<String> names) implements ModuleFilter {
    /** Copies the names. */
    public Names {
      names = List.copyOf(names);
    }
  }

  /**
   * A module whose whole path matches.
   *
   * @param regex a regular expression
   */
  record Regex(String regex) implements ModuleFilter {
    /** Checks the syntax. */
    public Regex {
      try {
        Pattern.compile(regex);
      } catch (PatternSyntaxException e) {
        throw new IllegalArgumentException(
            "\"" + regex + "\" is not a regular expression: " + e.getDescription(), e);
      }
    }
  }

  /** Every linear layer except the output head. */
  record AllLinear() implements ModuleFilter {}

  /**
   * A filter of names.
   *
   * @param names module paths or their ends
   * @return the filter
   */
  static ModuleFilter names(String... names) {
    return new Names(List.of(names));
  }

  /**
   * Whether a module path is named whole.
   *
   * @param path a module path
   * @return true if a name of a list equals it
   */
  default boolean equalsName(String path) {
    return this instanceof Names(var names) && names.contains(path);
  }

  /**
   * Whether a path is meant. All-linear means any path: the caller offers linear layers only.
   *
   * @param path a module path
   * @return true if it is
   */
  default boolean matches(String path) {
    return switch (this) {
      case Names(var names) ->
          names.stream().anyMatch(name -> path.equals(name) || path.endsWith("." + name));
      case Regex(var regex) -> Pattern.matches(regex, path);
      case AllLinear() -> true;
    };
  }
}
