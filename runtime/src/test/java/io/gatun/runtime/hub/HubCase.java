package io.gatun.runtime.hub;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** A hub, and a user of it who waits for nothing but notes how long a patient one would. */
class HubCase {
  static final byte[] LARGE = large();
  static final Duration SILENCE = Duration.ofSeconds(5);

  @TempDir Path folder;
  final FakeHub hub = new FakeHub();
  final List<Long> waits = new CopyOnWriteArrayList<>();
  final List<String> notices = new CopyOnWriteArrayList<>();
  final List<String> transfers = new CopyOnWriteArrayList<>();

  private static byte[] large() {
    var bytes = new byte[300_000];
    new Random(5).nextBytes(bytes);
    return bytes;
  }

  @AfterEach
  void stop() {
    hub.close();
  }

  Path cache() {
    return folder.resolve("home/hub");
  }

  /** The hub, with variables beside its address and a folder for the cache. */
  Hub user(String... variables) {
    var environment = new HashMap<String, String>();
    environment.put("HF_HOME", folder.resolve("home").toString());
    environment.put("HF_ENDPOINT", hub.address());
    for (int i = 0; i < variables.length; i += 2) {
      environment.put(variables[i], variables[i + 1]);
    }
    return Hub.of(Map.copyOf(environment))
        .with(d -> waits.add(d.toSeconds()), SILENCE)
        .with(listener());
  }

  private HubListener listener() {
    return new HubListener() {
      @Override
      public void transfer(String file, long done, long total) {
        transfers.add("%s %d of %d".formatted(file, done, total));
      }

      @Override
      public void notice(String sentence) {
        notices.add(sentence);
      }
    };
  }

  static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
