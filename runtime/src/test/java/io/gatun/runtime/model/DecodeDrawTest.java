package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Philox;
import io.gatun.kernels.ops.Devices;
import io.gatun.kernels.ops.Sample;
import io.gatun.kernels.ops.Sample.Filters;
import io.gatun.kernels.ops.Sample.Seen;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tokens drawn where the logits are, step after step, are those drawn from the logits elsewhere.
 */
class DecodeDrawTest {
  private static final int STEPS = 7;
  private static final int VOCABULARY = 120; // some of the model's are never drawn
  private static final int[] FIRST = {5, 9, 5, 30};
  private static final int[] SECOND = {17, 3};

  private static int bits(int step, int sequence) {
    return Philox.words(8, step, sequence, 0, Philox.Purpose.SAMPLING.ordinal())[0];
  }

  private static List<Feed> feeds(int[]... tokens) {
    return IntStream.range(0, tokens.length)
        .mapToObj(i -> new Feed(i, tokens[i], Optional.empty()))
        .toList();
  }

  /** Tokens of both sequences; the first prompt comes in two pieces. */
  private static List<int[]> drawn(Decoder decoder, Filters filters, Arena arena) {
    var cache = KvCache.allocate(decoder, 2, 20, 0, arena);
    var pass = DecodePass.allocate(decoder, cache, List.of(), 8, arena);
    var seen = SeenTokens.allocate(decoder, cache, arena);
    seen.begin(0, FIRST);
    seen.begin(1, SECOND);
    var some = filters.penalty() == 1 ? Optional.<SeenTokens>empty() : Optional.of(seen);
    var none = List.of(OptionalInt.empty());
    pass.draw(feeds(Arrays.copyOf(FIRST, 2)), VOCABULARY, filters, some, none);
    var feeds = feeds(Arrays.copyOfRange(FIRST, 2, 4), SECOND);
    var tokens = new ArrayList<int[]>();
    for (int step = 0; step < STEPS; step++) {
      var bits = List.of(OptionalInt.of(bits(step, 0)), OptionalInt.of(bits(step, 1)));
      int[] next = pass.draw(feeds, VOCABULARY, filters, some, bits);
      tokens.add(next);
      feeds = feeds(new int[] {next[0]}, new int[] {next[1]});
    }
    return tokens;
  }

  /** What the CPU draws from logits that the device computes for the same tokens. */
  private static void check(Decoder decoder, Filters filters, List<int[]> drawn, Arena arena) {
    var cache = KvCache.allocate(decoder, 2, 20, 0, arena);
    var pass = DecodePass.allocate(decoder, cache, List.of(), 8, arena);
    var seen = List.of(new HashSet<Integer>(), new HashSet<Integer>());
    var feeds = feeds(FIRST, SECOND);
    for (int step = 0; step < STEPS; step++) {
      var logits = pass.run(feeds);
      for (int i = 0; i < 2; i++) {
        Arrays.stream(feeds.get(i).ids()).forEach(seen.get(i)::add);
        int expected = draw(logits.get(i), filters, bits(step, i), seen.get(i));
        assertEquals(expected, drawn.get(step)[i], "step %d of %d, %s".formatted(step, i, filters));
      }
      feeds = feeds(new int[] {drawn.get(step)[0]}, new int[] {drawn.get(step)[1]});
    }
  }

  private static int draw(float[] logits, Filters filters, int word, HashSet<Integer> seen) {
    try (Device cpu = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      Matrix x = Matrix.allocate(cpu, "x", DType.F32, 1, logits.length, arena);
      HostCopy.write(x, logits);
      int[] bits = new int[Seen.words(logits.length)];
      seen.forEach(token -> bits[token / 32] |= 1 << token);
      Ints known = Ints.allocate(cpu, "seen", bits.length, arena);
      HostCopy.write(known, bits);
      Ints choices = Ints.allocate(cpu, "choices", 2, arena);
      HostCopy.write(choices, new int[] {word, 0});
      Ints found = Ints.allocate(cpu, "found", 1, arena);
      var some = Optional.of(new Seen(known, bits.length));
      Sample.run(x, VOCABULARY, filters, choices, some, found);
      return HostCopy.readInts(found)[0];
    }
  }

  @Test
  void aTokenThatIsNoneIsNamed() {
    try (Device cpu = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      var decoder = TinyModel.load("tiny_llama", DType.BF16, cpu, arena);
      var cache = KvCache.allocate(decoder, 1, 4, 0, arena);
      var seen = SeenTokens.allocate(decoder, cache, arena);
      for (int token : new int[] {-1, decoder.config().vocabulary()}) {
        var e =
            assertThrows(IllegalArgumentException.class, () -> seen.begin(0, new int[] {3, token}));
        assertEquals(
            "token %d of a prompt is not in the model's vocabulary of 128".formatted(token),
            e.getMessage());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void tokensAreThoseOfTheLogits(Devices.Place place) {
    var filters =
        List.of(
            new Filters(1.5f, 0, 1, 0, 1),
            new Filters(0.9f, 30, 0.9f, 0.01f, 1.2f),
            new Filters(0, 0, 1, 0, 1.5f));
    place.run((device, arena) -> {
      var decoder = TinyModel.load("tiny_llama", DType.BF16, device, arena);
      var seen = new HashSet<Integer>();
      for (var f : filters) {
        var drawn = drawn(decoder, f, arena);
        check(decoder, f, drawn, arena);
        var again = drawn(decoder, f, arena);
        for (int step = 0; step < STEPS; step++) {
          assertArrayEquals(drawn.get(step), again.get(step), "again");
          IntStream.of(drawn.get(step)).forEach(seen::add);
        }
      }
      assertTrue(seen.size() > STEPS, () -> "few different tokens: " + seen);
    });
  }
}
