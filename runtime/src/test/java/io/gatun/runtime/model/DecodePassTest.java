package io.gatun.runtime.model;

import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.ops.Devices;
import io.gatun.quant.Golden;
import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.LoraAdapter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.ObjectMapper;

/** Decoding with a cache gives the logits of whole sequences. */
class DecodePassTest {
  private static float[] whole(Decoder decoder, int[] ids, Optional<LoraAdapter> adapter) {
    try (Arena arena = Arena.ofConfined()) {
      var pass = EvalPass.allocate(decoder, adapter.stream().toList(), ids.length, arena);
      var active = adapter.map(a -> ActiveAdapters.of(a, ids.length)).orElse(ActiveAdapters.NONE);
      return pass.run(Batch.pack(List.of(Sequence.unlabelled(ids)), false), active)
          .logits(ids.length - 1);
    }
  }

  private static int[] join(int[] a, int[] b) {
    return IntStream.concat(IntStream.of(a), IntStream.of(b)).toArray();
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void piecesAndBatchesGiveTheLogitsOfWholeSequences(Devices.Place place) {
    new TinyModel.Each(TinyModel.DECODERS, place)
        .run((model, device, arena) -> {
          var decoder = TinyModel.load(model, DType.F32, device, arena);
          var adapter = Optional.of(TinyModel.adapter(decoder, 0, arena));
          var rows = TinyModel.rows(9, 0, 12, 17, 5);
          var prefix = TinyModel.rows(10, 0, 9).getFirst().ids();
          var adapters = List.of(adapter, Optional.<LoraAdapter>empty(), adapter);
          decode(model, decoder, rows, adapters, new int[0], arena);
          decode(model, decoder, rows, List.of(adapter, adapter, adapter), prefix, arena);
        });
  }

  /** Feeds a prefix, then prompts in pieces of different lengths, then token after token. */
  private static void decode(
      String model,
      Decoder decoder,
      List<Sequence> rows,
      List<Optional<LoraAdapter>> adapters,
      int[] prefix,
      Arena arena) {
    var cache = KvCache.allocate(decoder, 3, 17, prefix.length, arena);
    var used = adapters.stream().flatMap(Optional::stream).distinct().toList();
    var pass = DecodePass.allocate(decoder, cache, used, 40, arena);
    for (int t = 0; t < prefix.length; t += 5) {
      int[] piece = Arrays.copyOfRange(prefix, t, Math.min(t + 5, prefix.length));
      pass.run(List.of(new Feed(Feed.PREFIX, piece, adapters.getFirst())));
    }
    int[] fed = new int[3];
    int[] pieces = {4, 7, 1, 1, 3, 1, 1, 1, 1, 1};
    for (int piece : pieces) {
      var feeds = new ArrayList<Feed>();
      for (int r = 0; r < 3; r++) {
        int[] ids = rows.get(r).ids();
        int to = Math.min(ids.length, fed[r] + piece);
        if (to > fed[r]) {
          feeds.add(new Feed(r, Arrays.copyOfRange(ids, fed[r], to), adapters.get(r)));
          fed[r] = to;
        }
      }
      var logits = pass.run(feeds);
      for (int i = 0; i < feeds.size(); i++) {
        int r = feeds.get(i).sequence();
        int[] ids = join(prefix, Arrays.copyOf(rows.get(r).ids(), fed[r]));
        assertEquals(ids.length, cache.length(r));
        assertClose(
            model + " sequence " + r + " at " + ids.length,
            whole(decoder, ids, adapters.get(r)),
            logits.get(i),
            Golden.tolerance("logits"));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void greedyTextOfTheGoldenModel(Devices.Place place) throws IOException {
    var golden =
        new ObjectMapper().readTree(Files.readString(Golden.file("models/tiny_llama/greedy.json")));
    int[] prompt = ints(golden.path("prompt"));
    int[] expected = ints(golden.path("greedy"));
    place.run((device, arena) -> {
      var decoder = TinyModel.load("tiny_llama", DType.F32, device, arena);
      var cache = KvCache.allocate(decoder, 1, expected.length, 0, arena);
      var pass = DecodePass.allocate(decoder, cache, List.of(), prompt.length, arena);
      int vocabulary = decoder.config().vocabulary();
      for (boolean onDevice : new boolean[] {false, true}) {
        cache.clear();
        int[] text = prompt;
        int[] feed = prompt;
        while (text.length < expected.length) {
          var feeds = List.of(new Feed(0, feed, Optional.empty()));
          feed =
              onDevice
                  ? pass.likeliest(feeds, vocabulary)
                  : new int[] {argmax(pass.run(feeds).getFirst())};
          text = join(text, feed);
        }
        assertArrayEquals(expected, text);
      }
    });
  }

  private static int[] ints(tools.jackson.databind.JsonNode list) {
    return IntStream.range(0, list.size()).map(i -> list.get(i).intValue()).toArray();
  }

  private static int argmax(float[] values) {
    return IntStream.range(0, values.length)
        .reduce(0, (best, i) -> values[i] > values[best] ? i : best);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void refusesMoreThanThereIsRoomFor(Devices.Place place) {
    place.run((device, arena) -> {
      var decoder = TinyModel.load("tiny_llama", DType.F32, device, arena);
      var cache = KvCache.allocate(decoder, 2, 4, 4, arena);
      var pass = DecodePass.allocate(decoder, cache, List.of(), 6, arena);
      var feed = new Feed(0, new int[3], Optional.empty());
      pass.run(List.of(feed));
      assertEquals(1, cache.room(0));
      assertThrows(IllegalArgumentException.class, () -> pass.run(List.of(feed)));
      var prefix = new Feed(Feed.PREFIX, new int[2], Optional.empty());
      assertThrows(IllegalArgumentException.class, () -> pass.run(List.of(prefix)));
      var seven = new Feed(1, new int[7], Optional.empty());
      assertThrows(IllegalArgumentException.class, () -> pass.run(List.of(seven)));
      cache.clear();
      pass.run(List.of(prefix));
      assertEquals(2, cache.length(1));
    });
  }
}
