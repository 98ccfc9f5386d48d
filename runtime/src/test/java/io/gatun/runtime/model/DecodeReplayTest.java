package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.cuda.CudaTests;
import io.gatun.kernels.ops.Devices;
import io.gatun.runtime.adapter.LoraAdapter;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A token for each sequence, again and again, is recorded on a GPU; the bytes stay the same. */
class DecodeReplayTest {
  private static final String SYNC = "gatun.syncEveryLaunch";

  @AfterEach
  void clear() {
    System.clearProperty(SYNC);
  }

  /** A conversation of some sequences: what is fed, and the logits that came. */
  private static final class Script {
    private final KvCache cache;
    private final DecodePass pass;
    private final Random random = new Random(1);
    private final List<float[]> logits = new ArrayList<>();

    Script(Decoder decoder, LoraAdapter adapter, int capacity, Arena arena) {
      cache = KvCache.allocate(decoder, 3, capacity, capacity / 2, arena);
      pass = DecodePass.allocate(decoder, cache, List.of(adapter), 12, arena);
    }

    private Feed feed(int sequence, int count, Optional<LoraAdapter> adapter) {
      return new Feed(sequence, random.ints(count, 3, 128).toArray(), adapter);
    }

    private void run(Feed... feeds) {
      logits.addAll(pass.run(List.of(feeds)));
    }

    /** A token for each of the first sequences, some times. */
    private void singles(int times, int sequences, Optional<LoraAdapter> adapter) {
      for (int time = 0; time < times; time++) {
        var feeds = new Feed[sequences];
        for (int i = 0; i < sequences; i++) {
          feeds[i] = feed(i, 1, i == 1 ? Optional.empty() : adapter);
        }
        run(feeds);
      }
    }

    /** Of the steps with one token for each sequence, 3 + 2 + 1 + 2 are like the one before. */
    List<float[]> run(LoraAdapter lora) {
      var none = Optional.<LoraAdapter>empty();
      var adapter = Optional.of(lora);
      run(feed(Feed.PREFIX, 5, none));
      run(feed(0, 4, adapter), feed(1, 2, none));
      singles(4, 2, adapter);
      run(feed(0, 1, adapter), feed(1, 1, none), feed(2, 3, adapter));
      singles(3, 3, adapter);
      singles(2, 3, none);
      cache.clear();
      run(feed(0, 4, adapter), feed(1, 2, none));
      singles(3, 2, adapter);
      return logits;
    }
  }

  private static final int RECORDED_STEPS = 8;

  private static List<float[]> logits(Device device, DType compute, int capacity, Arena arena) {
    var decoder = TinyModel.load("tiny_gemma2", compute, device, arena);
    var adapter = TinyModel.adapter(decoder, 0, arena);
    return new Script(decoder, adapter, capacity, arena).run(adapter);
  }

  private static void assertEqual(List<float[]> expected, List<float[]> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), actual.get(i), "logits " + i);
    }
  }

  private static long graphLaunches() {
    try (Arena arena = Arena.ofConfined()) {
      var out = arena.allocate(ValueLayout.JAVA_LONG);
      CudaTests.call("emu_graph_launches", out);
      return out.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /** Nor do they depend on the room of the cache. */
  @Test
  void recordedStepsGiveTheBytesOfTheirOperations() {
    for (var compute : List.of(DType.F32, DType.BF16)) {
      List<float[]> expected;
      System.setProperty(SYNC, "true");
      try (Device device = CudaTests.open();
          Arena arena = Arena.ofConfined()) {
        expected = logits(device, compute, 20, arena);
      }
      System.clearProperty(SYNC);
      long before = CudaTests.emulated() ? graphLaunches() : 0;
      try (Device device = CudaTests.open();
          Arena arena = Arena.ofConfined()) {
        assertEqual(expected, logits(device, compute, 20, arena));
      }
      if (CudaTests.emulated()) {
        assertEquals(RECORDED_STEPS, graphLaunches() - before, "steps that were recorded");
      }
      try (Device device = CudaTests.open();
          Arena arena = Arena.ofConfined()) {
        assertEqual(expected, logits(device, compute, 400, arena));
      }
    }
  }

  @Test
  void recordedStepsDoNotDependOnTheOrderOfThreads() {
    CudaTests.require();
    new Devices.Gpu().run((device, arena) -> logits(device, DType.BF16, 20, arena));
  }
}
