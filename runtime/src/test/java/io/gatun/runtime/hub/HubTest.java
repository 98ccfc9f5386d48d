package io.gatun.runtime.hub;

import static io.gatun.runtime.hub.FakeHub.COMMIT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** What becomes of the names of models, adapters and data sets. */
class HubTest extends HubCase {

  @Test
  void onlyWhatIsNeededInTheLayoutOfTheCache() throws Exception {
    hub.put("org/m", "config.json", "{}")
        .put("org/m", "tokenizer.json", "{\"model\": 1}")
        .put("org/m", "model.safetensors", LARGE)
        .put("org/m", "pytorch_model.bin", LARGE)
        .put("org/m", "onnx/model.onnx", LARGE)
        .put("org/m", "README.md", "read me");
    var folder = user().model("org/m");
    assertEquals(cache().resolve("models--org--m/snapshots").resolve(COMMIT), folder);
    assertEquals(Set.of("config.json", "tokenizer.json", "model.safetensors"), names(folder));
    assertArrayEquals(LARGE, Files.readAllBytes(folder.resolve("model.safetensors")));
    var blobs = cache().resolve("models--org--m/blobs");
    var small = FakeHub.gitDigest("{}".getBytes(java.nio.charset.StandardCharsets.UTF_8));
    var large = FakeHub.digest("SHA-256", LARGE);
    assertEquals(
        Path.of("../../blobs", small), Files.readSymbolicLink(folder.resolve("config.json")));
    assertTrue(names(blobs).containsAll(Set.of(small, large)), names(blobs).toString());
    assertEquals(3, names(blobs).size());
    assertEquals(COMMIT, Files.readString(cache().resolve("models--org--m/refs/main")));
  }

  @Test
  void whatIsThereIsNotFetchedAgain() throws Exception {
    hub.put("org/m", "config.json", "{}").put("org/m", "model.safetensors", LARGE);
    var first = user().model("org/m");
    assertEquals(first, user().model("org/m"));
    assertEquals(1, hub.sent("model.safetensors"));
    var later = "f".repeat(40);
    hub.commit(later);
    hub.put("org/m", "config.json", "{\"new\": 1}");
    var second = user().model("org/m");
    assertEquals(later, second.getFileName().toString());
    assertEquals("{\"new\": 1}", Files.readString(second.resolve("config.json")));
    assertEquals("{}", Files.readString(first.resolve("config.json")));
    assertEquals(1, hub.sent("model.safetensors"));
    assertEquals(first, user().model("org/m@" + COMMIT)); // a commit needs no listing
    assertEquals(3, hub.requests().stream().filter(r -> r.path().startsWith("/api/")).count());
  }

  /** A cache that is complete is only read: it may be another user's. */
  @Test
  void whatIsThereNeedsNoLock() throws Exception {
    hub.put("org/m", "config.json", "{}").put("org/m", "model.safetensors", LARGE);
    var folder = user().model("org/m");
    var locks = cache().resolve(".locks/models--org--m");
    Files.delete(locks.resolve("gatun.lock"));
    Files.delete(locks);
    assertEquals(folder, user().model("org/m"));
    assertFalse(Files.exists(locks));
  }

  @Test
  void shardsByTheirIndex() throws Exception {
    hub.put("org/m", "config.json", "{}")
        .put("org/m", "model.safetensors.index.json", index("a.safetensors", "b.safetensors"))
        .put("org/m", "a.safetensors", LARGE)
        .put("org/m", "b.safetensors", "small")
        .put("org/m", "c.safetensors", LARGE);
    var folder = user().model("org/m@v1/x");
    assertEquals(
        Set.of("config.json", "model.safetensors.index.json", "a.safetensors", "b.safetensors"),
        names(folder));
    assertEquals(COMMIT, Files.readString(cache().resolve("models--org--m/refs/v1/x")));
    assertEquals(folder, user().offline().model("org/m@v1/x"));
    Files.delete(folder.resolve("b.safetensors"));
    refused(() -> user().offline().model("org/m@v1/x"), "lacks b.safetensors; so it is in the");
    hub.put("org/n", "model.safetensors.index.json", index("x.safetensors"));
    refused(() -> user().model("org/n"), "names x.safetensors, which is not there");
  }

  private static String index(String... shards) {
    var entries = new StringBuilder();
    for (var shard : shards) {
      entries.append(entries.isEmpty() ? "" : ",").append("\"t%s\":\"%s\"".formatted(shard, shard));
    }
    return "{\"weight_map\": {" + entries + "}}";
  }

  @Test
  void oneFileOfSeveral() throws Exception {
    hub.put("org/g", "m-q8.gguf", LARGE).put("org/g", "config.json", "{}");
    assertEquals("m-q8.gguf", user().model("org/g").getFileName().toString());
    hub.put("org/g", "m-q4.gguf", "q4");
    refused(
        () -> user().model("org/g"), "org/g has 2 GGUF files; name one, such as org/g:m-q4.gguf");
    var file = user().model("org/g:m-q4.gguf");
    assertEquals("q4", Files.readString(file));
    assertEquals(Set.of("m-q8.gguf", "m-q4.gguf"), names(file.getParent()));
    refused(() -> user().model("org/g:m.gguf"), "org/g has no file m.gguf; it has m-q4.gguf, m-q8");
    hub.put("org/o", "onnx/model.onnx", LARGE).put("org/o", "onnx/tokenizer.json", "{}");
    var onnx = user().model("org/o:onnx/model.onnx");
    assertEquals(Path.of("../../../blobs"), Files.readSymbolicLink(onnx).getParent());
    assertEquals(Set.of("model.onnx", "tokenizer.json"), names(onnx.getParent()));
  }

  @Test
  void adapters() throws Exception {
    hub.put("org/a", "adapter_config.json", "{}")
        .put("org/a", "adapter_model.safetensors", LARGE)
        .put("org/a", "labels.json", "{}")
        .put("org/a", "tokenizer.json", "{}");
    var files = Set.of("adapter_config.json", "adapter_model.safetensors", "labels.json");
    assertEquals(files, names(user().adapter("org/a")));
    assertEquals(files, names(user().modelOrAdapter("org/a")));
    refused(() -> user().model("org/a"), "org/a is an adapter, not a model");
    hub.put("org/p", "adapter_config.json", "{}").put("org/p", "adapter_model.bin", LARGE);
    refused(() -> user().adapter("org/p"), "as a pickle file (adapter_model.bin)");
    hub.put("org/m", "model.safetensors", LARGE).put("org/b", "pytorch_model.bin", LARGE);
    refused(() -> user().adapter("org/m"), "is no adapter: it has no adapter_config.json");
    assertEquals(Set.of("model.safetensors"), names(user().modelOrAdapter("org/m")));
    refused(() -> user().model("org/b"), "as pickle files (pytorch_model.bin)");
    hub.put("org/e", "README.md", "");
    refused(
        () -> user().model("org/e"), "no model.safetensors and no .gguf file (it has README.md)");
  }

  @Test
  void rows() throws Exception {
    hub.put("datasets/org/d", "train.jsonl", "a")
        .put("datasets/org/d", "valid.jsonl", "b")
        .put("datasets/org/d", "test.jsonl", "c");
    var folder = user().data("org/d");
    assertEquals(Set.of("train.jsonl", "valid.jsonl"), names(folder));
    assertTrue(folder.startsWith(cache().resolve("datasets--org--d")), folder.toString());
    assertEquals("c", Files.readString(user().data("org/d:test.jsonl")));
    hub.put("datasets/org/n", "data/train.jsonl", "n");
    assertEquals(Set.of("train.jsonl"), names(user().data("org/n")));
    hub.put("datasets/org/o", "x.jsonl", "o");
    assertEquals("o", Files.readString(user().data("org/o")));
    hub.put("datasets/org/o", "y.jsonl", "o");
    refused(() -> user().data("org/o"), "2 JSONL files; name one, such as org/o:x.jsonl");
    hub.put("datasets/org/q", "data/train-00000-of-00001.parquet", LARGE);
    refused(() -> user().data("org/q"), "as Parquet files, which are not read yet");
    hub.put("datasets/org/r", "README.md", "");
    refused(() -> user().data("org/r"), "org/r has no JSONL file (it has README.md)");
  }

  @Test
  void aLocalPathWins() throws Exception {
    assertEquals(folder, user().model(folder.toString()));
    assertEquals(Path.of("no/such/file"), user().model("no/such/file"));
    assertEquals(Path.of("models/m.gguf"), user().model("models/m.gguf"));
    assertEquals(Path.of("src/main"), user().model("src/main")); // of this module
    assertEquals(folder, user("HF_ENDPOINT", "nonsense").model(folder.toString()));
    assertTrue(hub.requests().isEmpty());
  }

  @Test
  void withoutTheNetwork() throws Exception {
    hub.put("org/m", "model.safetensors", LARGE);
    refused(() -> user().offline().model("org/m"), "is not in the cache (" + cache());
    var folder = user().model("org/m");
    int asked = hub.requests().size();
    assertEquals(folder, user().offline().model("org/m"));
    assertEquals(folder, user("HF_HUB_OFFLINE", "1").model("org/m"));
    refused(() -> user().offline().adapter("org/m"), "is no adapter");
    assertEquals(asked, hub.requests().size());
    hub.close();
    assertEquals(folder, user().model("org/m"));
    assertEquals(1, notices.size());
    assertTrue(
        notices.getFirst().endsWith("org/m is used as it is in the cache"), notices.toString());
    refused(() -> user().model("org/n"), "cannot be reached; check the network");
    assertEquals(List.of(), waits);
  }

  @Test
  void tellsOfEveryByte() {
    hub.put("org/m", "config.json", "{}").put("org/m", "model.safetensors", LARGE);
    user().model("org/m");
    assertEquals("config.json 2 of " + (LARGE.length + 2), transfers.getFirst());
    var all = "model.safetensors %d of %d".formatted(LARGE.length + 2, LARGE.length + 2);
    assertEquals(all, transfers.getLast());
  }

  @Test
  void aCacheThatCannotBeUsed() throws Exception {
    hub.put("org/m", "model.safetensors", LARGE);
    var file = Files.writeString(folder.resolve("file"), "");
    refused(
        () -> user("HF_HUB_CACHE", file.resolve("hub").toString()).model("org/m"),
        "cannot be used (",
        "set HF_HOME to a folder that you can write to");
    assertEquals(0, hub.sent("model.safetensors"));
  }

  /** Two users at the same time: one of them downloads, the other waits for it. */
  @Test
  void twoAtATime() throws Exception {
    hub.put("org/m", "config.json", "{}").put("org/m", "model.safetensors", LARGE);
    hub.next(
        "model.safetensors",
        (exchange, contents) -> {
          for (int i = 0; notices.isEmpty() && i < 10_000; i++) {
            sleep(1); // until the other one says that it waits
          }
          FakeHub.send(exchange, contents);
        });
    var other = new Thread(() -> user().model("org/m"));
    other.start();
    while (hub.sent("config.json") == 0) {
      Thread.sleep(5);
    }
    var path = user().model("org/m");
    assertArrayEquals(LARGE, Files.readAllBytes(path.resolve("model.safetensors")));
    other.join();
    assertEquals(1, hub.sent("model.safetensors"));
    assertEquals(List.of("waiting for another download of org/m"), notices);
    assertFalse(
        names(cache().resolve("models--org--m/blobs")).stream()
            .anyMatch(name -> name.endsWith("incomplete")));
  }

  private static Set<String> names(Path folder) throws Exception {
    try (var files = Files.list(folder)) {
      var names = new TreeSet<String>();
      files.forEach(f -> names.add(f.getFileName().toString()));
      return names;
    }
  }

  private static void refused(Runnable action, String... parts) {
    var e = assertThrows(HubException.class, action::run);
    for (var part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    assertEquals(1, e.getMessage().lines().count());
  }
}
