package io.gatun.runtime.hub;

import io.gatun.runtime.hub.Repository.Kind;
import io.gatun.runtime.hub.Wanted.Choice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The Hugging Face hub, by way of the cache that all its tools share: what is there is used, what
 * is missing is downloaded, only the files that are needed. A local file or folder of the same name
 * always wins. The variables HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean
 * what they mean elsewhere. Immutable, safe for use by several threads and processes.
 *
 * <pre>{@code
 * Path model = Hub.fromEnvironment().model("HuggingFaceTB/SmolLM2-135M-Instruct");
 * var checkpoint = Checkpoint.open(model, arena);
 * }</pre>
 */
public final class Hub {
  private static final Duration SILENCE = Duration.ofSeconds(60);

  private final Map<String, String> environment;
  private final HubListener listener;
  private final Patience.Wait wait;
  private final Duration silence;

  private Hub(
      Map<String, String> environment, HubListener listener, Patience.Wait wait, Duration silence) {
    this.environment = environment;
    this.listener = listener;
    this.wait = wait;
    this.silence = silence;
  }

  /**
   * The hub as the environment of this process says.
   *
   * @return with a listener that hears nothing
   */
  public static Hub fromEnvironment() {
    return of(System.getenv());
  }

  /**
   * The hub as other variables say.
   *
   * @param environment HF_HOME and so on; read when something is asked for that is not local
   * @return with a listener that hears nothing
   */
  public static Hub of(Map<String, String> environment) {
    return new Hub(Map.copyOf(environment), HubListener.NONE, Thread::sleep, SILENCE);
  }

  /** The same with another patience, for tests. */
  Hub with(Patience.Wait wait, Duration silence) {
    return new Hub(environment, listener, wait, silence);
  }

  /**
   * The same hub, telling of downloads.
   *
   * @param listener told in the thread that asks for a file
   * @return a copy
   */
  public Hub with(HubListener listener) {
    return new Hub(environment, listener, wait, silence);
  }

  /**
   * Where the cache lies.
   *
   * @return a folder, which may not exist yet
   */
  public Path cache() {
    return HubSettings.of(environment).cache();
  }

  /**
   * The same cache without the network.
   *
   * @return a copy
   */
  public Hub offline() {
    var without = new HashMap<>(environment);
    without.put("HF_HUB_OFFLINE", "1");
    return new Hub(without, listener, wait, silence);
  }

  /**
   * A model's files.
   *
   * @param name a local path, or {@code org/name}, perhaps with {@code @revision} or, for one file
   *     of several, {@code :file.gguf}
   * @return a path that {@code Checkpoint.open} takes; the name itself if it is a path
   * @throws HubException if the files cannot be had
   */
  public Path model(String name) {
    return resolve(name, Kind.MODEL, Wanted::model);
  }

  /**
   * An adapter's folder.
   *
   * @param name as of a model
   * @return a folder with adapter_config.json; the name itself if it is a path
   * @throws HubException if the files cannot be had
   */
  public Path adapter(String name) {
    return resolve(name, Kind.MODEL, Wanted::adapter);
  }

  /**
   * An adapter's folder or a model's files.
   *
   * @param name as of a model
   * @return as of an adapter or of a model
   * @throws HubException if the files cannot be had
   */
  public Path modelOrAdapter(String name) {
    return resolve(name, Kind.MODEL, Wanted::modelOrAdapter);
  }

  /**
   * Rows of a data set.
   *
   * @param name as of a model, of a repository of data
   * @return a JSONL file, or a folder with train.jsonl; the name itself if it is a path
   * @throws HubException if the files cannot be had
   */
  public Path data(String name) {
    return resolve(name, Kind.DATASET, Wanted::data);
  }

  private Path resolve(String name, Kind kind, Choice choice) {
    var path = Path.of(name);
    var reference = Files.exists(path) ? Optional.<HubReference>empty() : HubReference.of(name);
    return reference.map(hub -> resolve(hub, kind, choice)).orElse(path);
  }

  private Path resolve(HubReference reference, Kind kind, Choice choice) {
    var settings = HubSettings.of(environment);
    var repository = new Repository(kind, reference.repository());
    var cached = new Cached(new RepositoryCache(settings.cache(), repository), reference, choice);
    if (settings.offline()) {
      return cached.withoutNetwork();
    }
    var fixed = reference.isCommit() ? cached.complete() : Optional.<Path>empty();
    if (fixed.isPresent()) {
      return fixed.get();
    }
    try (var client = new HubClient(settings)) {
      return online(client, repository, cached);
    }
  }

  private Path online(HubClient client, Repository repository, Cached cached) {
    var reference = cached.reference();
    var patience = new Patience(wait);
    while (true) {
      try {
        var listing = client.listing(repository, reference.revision());
        var download = new Download(client, cached.cache(), repository, wait, silence);
        return new Update(cached, listing, download, listener).run();
      } catch (TransientException e) {
        var complete = cached.complete();
        if (complete.isPresent()) {
          listener.notice("%s; %s is used as it is in the cache".formatted(e.problem(), reference));
          return complete.get();
        }
        if (e.isUnreachable()) {
          throw new HubException(
              "%s is no local file or folder and not in the cache (%s), and %s; check the network, or give a local path"
                  .formatted(reference, cached.cache().folder(), e.problem()),
              e);
        }
        patience.failed(reference.toString(), e);
      }
    }
  }
}
