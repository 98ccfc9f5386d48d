package io.gatun.bench;

import java.io.IOException;

/** Runs the benchmarks of this module: {@code gatun bench [JMH options] [pattern]}. */
public final class Main {
  private Main() {}

  /** Hands the arguments to JMH, which prints its own help for {@code -h}. */
  public static void main(String[] arguments) throws IOException {
    org.openjdk.jmh.Main.main(arguments);
  }
}
