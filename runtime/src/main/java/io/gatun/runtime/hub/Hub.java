package io.gatun.runtime.hub;

import io.gatun.runtime.hub.Repository.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

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

  private final HubSettings settings;
  private final HubListener listener;
  private final Patience.Wait wait;
  private final Duration silence;

  /** Chooses the files of a repository that somebody needs. */
  private interface Choice extends BiFunction<HubReference, Set<String>, Wanted> {}

  private Hub(HubSettings settings, HubListener listener, Patience.Wait wait, Duration silence) {
    this.settings = settings;
    this.listener = listener;
    this.wait = wait;
    this.silence = silence;
  }

  /**
   * The hub as the environment of this process says.
   *
   * @return with a listener that hears nothing
   * @throws HubException if a variable makes no sense
   */
  public static Hub fromEnvironment() {
    return of(System.getenv());
  }

  /**
   * The hub as other variables say.
   *
   * @param environment HF_HOME and so on
   * @return with a listener that hears nothing
   * @throws HubException if a variable makes no sense
   */
  public static Hub of(Map<String, String> environment) {
    return new Hub(HubSettings.of(environment), HubListener.NONE, Thread::sleep, SILENCE);
  }

  /** The same with another patience, for tests. */
  Hub with(Patience.Wait wait, Duration silence) {
    return new Hub(settings, listener, wait, silence);
  }

  /**
   * The same hub, telling of downloads.
   *
   * @param listener told in the thread that asks for a file
   * @return a copy
   */
  public Hub with(HubListener listener) {
    return new Hub(settings, listener, wait, silence);
  }

  /**
   * The same cache without the network.
   *
   * @return a copy
   */
  public Hub offline() {
    return new Hub(settings.withoutNetwork(), listener, wait, silence);
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
    var repository = new Repository(kind, reference.repository());
    var cache = new RepositoryCache(settings.cache(), repository);
    if (settings.offline()) {
      return offline(cache, reference, choice);
    }
    if (reference.isCommit()) {
      var complete = complete(cache, reference, choice);
      if (complete.isPresent()) {
        return complete.get();
      }
    }
    try (var client = new HubClient(settings)) {
      return online(client, repository, cache, reference, choice);
    }
  }

  private Path offline(RepositoryCache cache, HubReference reference, Choice choice) {
    var commit = cache.commit(reference);
    if (commit.isEmpty()) {
      throw new HubException(
          "%s is no local file or folder, is not in the cache (%s), and the network is not to be used (HF_HUB_OFFLINE, --offline); give a local path, or fetch it once with the network"
              .formatted(reference, cache.folder()));
    }
    try {
      return cached(cache, commit.get(), reference, choice);
    } catch (HubException e) {
      throw new HubException(
          "%s; so it is in the cache (%s), and the network is not to be used (HF_HUB_OFFLINE, --offline)"
              .formatted(e.getMessage(), cache.folder()),
          e);
    }
  }

  /** What the cache has of a reference, if that is all that is needed. */
  private static Optional<Path> complete(
      RepositoryCache cache, HubReference reference, Choice choice) {
    try {
      return cache.commit(reference).map(commit -> cached(cache, commit, reference, choice));
    } catch (HubException _) {
      return Optional.empty(); // not all of it
    }
  }

  private static Path cached(
      RepositoryCache cache, String commit, HubReference reference, Choice choice) {
    var names = cache.files(commit);
    var wanted = choice.apply(reference, names);
    var snapshot = cache.snapshot(commit);
    for (var shard : wanted.index().map(i -> shards(snapshot.resolve(i))).orElse(List.of())) {
      if (!names.contains(shard)) {
        throw new HubException("%s lacks %s".formatted(reference, shard));
      }
    }
    return snapshot.resolve(wanted.answer());
  }

  private Path online(
      HubClient client,
      Repository repository,
      RepositoryCache cache,
      HubReference reference,
      Choice choice) {
    var patience = new Patience(wait);
    while (true) {
      try {
        var listing = client.listing(repository, reference.revision());
        return download(client, repository, cache, reference, listing, choice);
      } catch (TransientException e) {
        var complete = complete(cache, reference, choice);
        if (complete.isPresent()) {
          listener.notice("%s; %s is used as it is in the cache".formatted(e.problem(), reference));
          return complete.get();
        }
        if (e.isUnreachable()) {
          throw new HubException(
              "%s is no local file or folder and not in the cache (%s), and %s; check the network, or give a local path"
                  .formatted(reference, cache.folder(), e.problem()),
              e);
        }
        patience.failed(reference.toString(), e);
      }
    }
  }

  private Path download(
      HubClient client,
      Repository repository,
      RepositoryCache cache,
      HubReference reference,
      Listing listing,
      Choice choice) {
    var commit = listing.commit();
    var wanted = choice.apply(reference, listing.files().keySet());
    var download = new Download(client, cache, repository, wait, silence);
    Runnable waiting = () -> listener.notice("waiting for another download of " + reference);
    try (var _ = cache.lock(waiting)) {
      fetch(download, cache, listing, wanted.files());
      wanted
          .index()
          .ifPresent(index ->
              fetch(download, cache, listing, shards(cache.snapshot(commit).resolve(index))));
      cache.remember(reference, commit);
    }
    return cache.snapshot(commit).resolve(wanted.answer());
  }

  /** Downloads those files that are not there, and puts all of them into the snapshot. */
  private void fetch(
      Download download, RepositoryCache cache, Listing listing, List<String> names) {
    var files = new ArrayList<RemoteFile>();
    for (var name : names) {
      var file = listing.files().get(name);
      if (file == null) {
        throw new HubException("the index of shards names %s, which is not there".formatted(name));
      }
      file.requireKnown();
      files.add(file);
    }
    var missing = files.stream().filter(file -> !cache.has(file)).distinct().toList();
    long total = missing.stream().mapToLong(RemoteFile::size).sum();
    cache.requireSpace(total - missing.stream().mapToLong(download::begun).sum());
    long done = 0;
    for (var file : missing) {
      long before = done;
      download.run(
          listing.commit(), file, bytes -> listener.transfer(file.name(), before + bytes, total));
      done += file.size();
    }
    files.forEach(file -> cache.link(listing.commit(), file));
  }

  /** The files that an index of shards names. */
  private static List<String> shards(Path index) {
    try {
      var shards = new TreeSet<String>();
      for (var shard : JsonMapper.shared().readTree(Files.readAllBytes(index)).path("weight_map")) {
        HubReference.requireInside(shard.asString(""), index.toString());
        shards.add(shard.asString(""));
      }
      return List.copyOf(shards);
    } catch (IOException | JacksonException e) {
      throw new HubException(index + " cannot be read as an index of shards", e);
    }
  }
}
