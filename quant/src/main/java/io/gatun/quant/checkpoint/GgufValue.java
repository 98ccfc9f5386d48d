package io.gatun.quant.checkpoint;

import java.util.List;

/** A value in the metadata of a GGUF file. Integers of every width are longs, reals are doubles. */
sealed interface GgufValue {
  /** For messages: what this is. */
  String kind();

  record Text(String value) implements GgufValue {
    @Override
    public String kind() {
      return "a string";
    }
  }

  record Whole(long value) implements GgufValue {
    @Override
    public String kind() {
      return "an integer";
    }
  }

  record Real(double value) implements GgufValue {
    @Override
    public String kind() {
      return "a real number";
    }
  }

  record Flag(boolean value) implements GgufValue {
    @Override
    public String kind() {
      return "a truth value";
    }
  }

  record Texts(List<String> values) implements GgufValue {
    @Override
    public String kind() {
      return "a list of strings";
    }
  }

  record Wholes(long[] values) implements GgufValue {
    @Override
    public String kind() {
      return "a list of integers";
    }
  }

  record Reals(double[] values) implements GgufValue {
    @Override
    public String kind() {
      return "a list of real numbers";
    }
  }
}
