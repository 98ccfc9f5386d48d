package io.gatun.runtime.hub;

import static io.gatun.runtime.hub.FakeHub.status;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A hub that misbehaves: what it costs, and what is said. */
class BadHubTest extends HubCase {
  private static final String MODEL = "model.safetensors";

  @BeforeEach
  void fill() {
    hub.put("org/m", MODEL, LARGE);
  }

  private void arrives(List<Long> expectedWaits) throws Exception {
    assertArrayEquals(LARGE, Files.readAllBytes(user().model("org/m").resolve(MODEL)));
    assertEquals(expectedWaits, waits);
  }

  private void refused(String... parts) {
    refused(user(), parts);
  }

  private static void refused(Hub user, String... parts) {
    var e = assertThrows(HubException.class, () -> user.model("org/m"));
    for (var part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    assertEquals(1, e.getMessage().lines().count());
  }

  private List<String> ranges() {
    return hub.requests().stream()
        .filter(r -> r.server().equals("storage"))
        .map(FakeHub.Request::range)
        .toList();
  }

  private Path partial() {
    var digest = FakeHub.digest("SHA-256", LARGE);
    return cache().resolve("models--org--m/blobs/" + digest + ".gatun.incomplete");
  }

  /** A connection that is lost when so many bytes have come. */
  private FakeHub.Answer dropAfter(int bytes) {
    return FakeHub.dropAfter(
        bytes,
        end -> {
          var there = "%s %d of %d".formatted(MODEL, end, LARGE.length);
          for (int i = 0; bytes > 0 && i < 10_000 && !transfers.contains(there); i++) {
            sleep(1);
          }
        });
  }

  @Test
  void dropsAreResumedWhereTheyWere() throws Exception {
    hub.next(MODEL, dropAfter(100_000), dropAfter(0), dropAfter(150_000));
    arrives(List.of(1L, 2L, 1L)); // what came restores patience
    assertEquals("null", ranges().getFirst());
    assertEquals("bytes=100000-", ranges().get(1));
    assertEquals("bytes=250000-", ranges().getLast());
  }

  @Test
  void anotherRunGoesOn() throws Exception {
    hub.next(MODEL, dropAfter(100_000), dropAfter(0), dropAfter(0), dropAfter(0), dropAfter(0));
    refused("model.safetensors of org/m: no answer from 127.0.0.1:", "5 times in a row; try again");
    assertEquals(100_000, Files.size(partial()));
    assertFalse(Files.exists(cache().resolve("models--org--m/refs/main")));
    waits.clear();
    arrives(List.of());
    assertEquals("bytes=100000-", ranges().getLast());
    assertEquals("model.safetensors 300000 of 300000", transfers.getLast());
  }

  @Test
  void aServerThatBeginsAnew() throws Exception {
    hub.next(
        MODEL,
        dropAfter(100_000),
        (exchange, contents) -> {
          exchange.sendResponseHeaders(200, contents.length);
          exchange.getResponseBody().write(contents);
        });
    arrives(List.of(1L));
  }

  /** A body without a length may end anywhere, and not look like an error. */
  @Test
  void endsEarlyAndStaysSo() {
    FakeHub.Answer early =
        (exchange, contents) -> {
          exchange.sendResponseHeaders(200, 0);
          exchange.getResponseBody().write(contents, 0, 1000);
        };
    hub.next(MODEL, early, early, early, early, early, early);
    refused("the download ended at byte 1000 of 300000, 5 times in a row; try again later");
    assertEquals(List.of(1L, 2L, 4L, 8L), waits);
  }

  @Test
  void sizesThatAreNotThose() throws Exception {
    hub.next(
        MODEL,
        (exchange, contents) -> {
          exchange.sendResponseHeaders(200, contents.length - 1);
          exchange.getResponseBody().write(contents, 0, contents.length - 1);
        });
    refused("does not send model.safetensors as the hub lists it (300000 bytes");
    hub.next(
        MODEL,
        (exchange, contents) -> {
          exchange.sendResponseHeaders(200, 0);
          exchange.getResponseBody().write(contents);
          exchange.getResponseBody().write(contents);
        });
    refused("sends more than the 300000 bytes that model.safetensors has; nothing of it was kept");
    assertEquals(0, Files.size(partial()));
    hub.next(
        MODEL,
        dropAfter(100),
        (exchange, contents) -> {
          exchange.getResponseHeaders().add("Content-Range", "bytes 50-299999/300000");
          exchange.sendResponseHeaders(206, contents.length - 50);
          exchange.getResponseBody().write(contents, 50, contents.length - 50);
        });
    refused("does not send model.safetensors as the hub lists it");
    arrives(List.of(1L));
  }

  @Test
  void contentsThatAreNotThose() throws Exception {
    FakeHub.Answer wrong =
        (exchange, contents) -> {
          var other = contents.clone();
          other[1234] ^= 1;
          FakeHub.send(exchange, other);
        };
    hub.next(MODEL, wrong, wrong);
    refused("was downloaded 2 times and does not have the checksum that the hub states");
    assertFalse(Files.exists(partial()));
    hub.next(MODEL, wrong);
    arrives(List.of());
    hub.put("org/s", "config.json", "{}").put("org/s", MODEL, LARGE);
    FakeHub.Answer small = (exchange, _) -> FakeHub.send(exchange, new byte[] {'[', ']'});
    hub.next("config.json", small, small);
    var e = assertThrows(HubException.class, () -> user().model("org/s"));
    assertTrue(
        e.getMessage().startsWith("config.json of org/s was downloaded 2 times"), e.getMessage());
  }

  /** What an earlier run left may be damaged: then all of it is fetched again. */
  @Test
  void aDamagedBeginning() throws Exception {
    Files.createDirectories(partial().getParent());
    Files.write(partial(), new byte[1000]);
    arrives(List.of());
    assertEquals(List.of("bytes=1000-", "null"), ranges());
    Files.write(
        cache().resolve("models--org--m/blobs/" + FakeHub.digest("SHA-256", LARGE)), new byte[5]);
    arrives(List.of()); // a blob of another size is none
  }

  @Test
  void theTokenStaysWithTheHub() throws Exception {
    user("HF_TOKEN", "hf_secret").model("org/m");
    for (var request : hub.requests()) {
      var expected = request.server().equals("hub") ? "Bearer hf_secret" : "null";
      assertEquals(expected, request.token(), request.path());
    }
    assertEquals(3, hub.requests().size());
    hub.put("org/n", "config.json", "{}");
    hub.next("config.json", status(302, "Location: file:///etc/passwd"));
    var file = assertThrows(HubException.class, () -> user().model("org/n:config.json"));
    assertTrue(
        file.getMessage().contains("redirects to \"file:///etc/passwd\""), file.getMessage());
    hub.next("config.json", status(302));
    var none = assertThrows(HubException.class, () -> user().model("org/n:config.json"));
    assertTrue(none.getMessage().contains("redirects to \"\""), none.getMessage());
    var loop = new FakeHub.Answer[20];
    Arrays.fill(loop, status(307, "Location: /org/n/resolve/main/config.json"));
    hub.next("config.json", loop);
    var many = assertThrows(HubException.class, () -> user().model("org/n:config.json"));
    assertTrue(many.getMessage().contains("redirects more than 8 times"), many.getMessage());
  }

  @Test
  void repositoriesThatAreNotOpen() {
    hub.next("main", status(401, "X-Error-Code: GatedRepo"));
    refused("/org/m is not open to everybody; accept its terms there", "set HF_TOKEN to it");
    hub.next("main", status(403, "X-Error-Code: GatedRepo"));
    refused(user("HF_TOKEN", "hf_x"), "the token in use does not open it: accept its terms there");
    hub.next("main", status(404, "X-Error-Code: RevisionNotFound"));
    refused("/org/m has no such revision or file");
    hub.next("main", status(400));
    refused("/org/m cannot be read: status 400");
    var absent = assertThrows(HubException.class, () -> user().model("org/absent"));
    var sentence =
        "org/absent is no local file or folder, and there is no %s/org/absent, or it is private"
            .formatted(hub.address());
    assertTrue(absent.getMessage().startsWith(sentence), absent.getMessage());
    assertEquals(List.of(), waits);
  }

  @Test
  void waitsAsItIsAskedTo() throws Exception {
    hub.next("main", status(429, "Retry-After: 7"), status(503), status(500));
    hub.next(MODEL, status(502), status(429, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"));
    arrives(List.of(7L, 2L, 4L, 1L, 0L));
  }

  @Test
  void waitsNoLongerThanAnybodyWould() {
    hub.next("main", status(429, "Retry-After: 3600"));
    refused("takes no more requests for now (429), and the hub asks to come back in 3600 seconds");
    hub.next("main", status(500), status(500), status(500), status(500), status(500));
    refused("org/m: localhost:", "answers with the error 500, 5 times in a row; try again later");
    assertEquals(List.of(1L, 2L, 4L, 8L), waits);
  }

  @Test
  void silenceIsAnError() throws Exception {
    hub.next(
        MODEL,
        (exchange, contents) -> {
          exchange.sendResponseHeaders(200, contents.length);
          exchange.getResponseBody().write(contents, 0, 1000);
          exchange.getResponseBody().flush();
          sleep(10_000);
        });
    var path = user().with(d -> waits.add(d.toSeconds()), Duration.ofSeconds(1)).model("org/m");
    assertArrayEquals(LARGE, Files.readAllBytes(path.resolve(MODEL)));
    assertEquals(List.of(1L), waits);
    assertEquals("bytes=1000-", ranges().getLast());
  }

  @Test
  void namesThatLeadElsewhere() throws Exception {
    for (var name : List.of("../../x", "/etc/x", "a/../../x", "a//x", "a\\x", "a\0x", "")) {
      hub.put("org/m", name, "x");
      refused("names the file \"" + name + "\", which would lie outside of its folder");
      hub.remove("org/m", name);
    }
    hub.put("org/s", "model.safetensors.index.json", "{\"weight_map\": {\"a\": \"../../x\"}}");
    var e = assertThrows(HubException.class, () -> user().model("org/s"));
    assertTrue(e.getMessage().contains("names the file \"../../x\""), e.getMessage());
    hub.commit("../../../x");
    refused("answers without the commit and the files of the revision");
    assertFalse(Files.exists(folder.resolve("x")));
    assertFalse(Files.exists(cache().resolve("x")));
  }

  @Test
  void answersThatAreNone() {
    hub.next(
        "main", (exchange, _) -> FakeHub.send(exchange, "<html>".getBytes(StandardCharsets.UTF_8)));
    refused("answers with something that is not JSON");
    var unsized = "{\"sha\": \"%s\", \"siblings\": [{\"rfilename\": \"%s\"}]}";
    var json = unsized.formatted(FakeHub.COMMIT, MODEL).getBytes(StandardCharsets.UTF_8);
    hub.next("main", (exchange, _) -> FakeHub.send(exchange, json));
    refused("lists model.safetensors without its size and checksum");
  }
}
