package io.gatun.runtime.text.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/**
 * A Python value as templates see it. Equality is Python's: {@code 1 == 1.0 == True}, lists and
 * dicts by content, so values serve as keys of a {@link Dict}. Lists and dicts are never changed
 * after they are made; a {@link Namespace} is the one thing that templates may assign to.
 */
public sealed interface Value {
  /** Python's name of the value's type, for error messages. */
  String type();

  /** The one {@code None}. */
  None NONE = new None();

  /** {@code None}. */
  record None() implements Value {
    @Override
    public String type() {
      return "NoneType";
    }
  }

  /** {@code True} or {@code False}. */
  record Bool(boolean value) implements Value {
    @Override
    public String type() {
      return "bool";
    }

    @Override
    public boolean equals(Object other) {
      return sameNumber(this, other);
    }

    @Override
    public int hashCode() {
      return numberHash(this);
    }
  }

  /** An integer of any size. */
  record Int(BigInteger value) implements Value {
    @Override
    public String type() {
      return "int";
    }

    @Override
    public boolean equals(Object other) {
      return sameNumber(this, other);
    }

    @Override
    public int hashCode() {
      return numberHash(this);
    }
  }

  /** A floating-point number. */
  record Real(double value) implements Value {
    @Override
    public String type() {
      return "float";
    }

    @Override
    public boolean equals(Object other) {
      return sameNumber(this, other);
    }

    @Override
    public int hashCode() {
      return numberHash(this);
    }
  }

  /** A string; its elements are code points. */
  record Str(String text) implements Value {
    @Override
    public String type() {
      return "str";
    }
  }

  /** A list. */
  record ListValue(List<Value> items) implements Value {
    @Override
    public String type() {
      return "list";
    }
  }

  /** A tuple. */
  record Tuple(List<Value> items) implements Value {
    @Override
    public String type() {
      return "tuple";
    }
  }

  /** A dictionary in insertion order. */
  record Dict(Map<Value, Value> entries) implements Value {
    @Override
    public String type() {
      return "dict";
    }
  }

  /**
   * What {@code dict.items()}, {@code keys()} and {@code values()} give: countable, not indexable.
   */
  record View(String type, List<Value> items) implements Value {}

  /** {@code range(start, stop, step)} with its elements written out. */
  record Range(long start, long stop, long step, List<Value> items) implements Value {
    @Override
    public String type() {
      return "range";
    }
  }

  /**
   * What {@code map}, {@code select} and their like give: read once, neither countable nor
   * indexable.
   */
  final class Generator implements Value {
    private final Iterator<Value> rest;

    Generator(List<Value> items) {
      rest = items.iterator();
    }

    /** Everything that was not read yet; the generator is empty afterwards. */
    List<Value> drain() {
      var items = new ArrayList<Value>();
      rest.forEachRemaining(items::add);
      return items;
    }

    /** The next element alone, or undefined. */
    Value next(Undefined none) {
      return rest.hasNext() ? rest.next() : none;
    }

    @Override
    public String type() {
      return "generator";
    }
  }

  /**
   * A missing value: prints as nothing, is false, and throws {@link #error} when it is used for
   * more.
   */
  record Undefined(String kind, String message) implements Value {
    static Undefined of(String message) {
      return new Undefined("UndefinedError", message);
    }

    static Undefined name(String name) {
      return of("'" + name + "' is undefined");
    }

    JinjaException error() {
      return new JinjaException(kind, message);
    }

    @Override
    public String type() {
      return "Undefined";
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Undefined;
    }

    @Override
    public int hashCode() {
      return 1;
    }
  }

  /** {@code namespace()}: the one value whose attributes can be set. */
  final class Namespace implements Value {
    final Map<String, Value> attributes;

    Namespace(Map<String, Value> attributes) {
      this.attributes = attributes;
    }

    @Override
    public String type() {
      return "Namespace";
    }
  }

  /** The {@code loop} variable. */
  record Loop(LoopState state) implements Value {
    @Override
    public String type() {
      return "LoopContext";
    }
  }

  /** Something that can be called: a macro, a method bound to its object, a global. */
  record Function(String name, Body body) implements Value {
    /** What a call does. */
    interface Body {
      /** The result of the call. */
      Value call(Call call);
    }

    @Override
    public String type() {
      return "function";
    }

    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }
  }

  /** A boolean. */
  static Bool of(boolean value) {
    return new Bool(value);
  }

  /** An integer. */
  static Int of(long value) {
    return new Int(BigInteger.valueOf(value));
  }

  /** A string. */
  static Str of(String text) {
    return new Str(text);
  }

  private static boolean sameNumber(Value a, Object other) {
    return switch (other) {
      case Bool b -> Numbers.exact(a).equals(Numbers.exact(b));
      case Int i -> Numbers.exact(a).equals(Numbers.exact(i));
      case Real r -> Numbers.exact(a).equals(Numbers.exact(r));
      case null, default -> false;
    };
  }

  private static int numberHash(Value value) {
    return Numbers.exact(value).hashCode();
  }
}
