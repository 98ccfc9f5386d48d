package io.gatun.runtime.hub;

import io.gatun.runtime.hub.Wanted.Choice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the cache has of a repository.
 *
 * @param cache of the repository
 * @param reference that somebody wrote
 * @param choice of the files that are needed
 */
record Cached(RepositoryCache cache, HubReference reference, Choice choice) {

  /** The files as they are; a sentence about what is missing, where the network is not used. */
  Path withoutNetwork() {
    var commit = cache.commit(reference);
    if (commit.isEmpty()) {
      throw new HubException(
          "%s is no local file or folder, is not in the cache (%s), and the network is not to be used (HF_HUB_OFFLINE, --offline); give a local path, or fetch it once with the network"
              .formatted(reference, cache.folder()));
    }
    try {
      return snapshot(commit.get());
    } catch (HubException e) {
      throw new HubException(
          "%s; so it is in the cache (%s), and the network is not to be used (HF_HUB_OFFLINE, --offline)"
              .formatted(e.getMessage(), cache.folder()),
          e);
    }
  }

  /** The files, if all that are needed are there. */
  Optional<Path> complete() {
    try {
      return cache.commit(reference).map(this::snapshot);
    } catch (HubException _) {
      return Optional.empty(); // not all of it
    }
  }

  private Path snapshot(String commit) {
    var names = cache.files(commit);
    var wanted = choice.apply(reference, names);
    for (var shard : wanted.index().map(index -> shards(commit, index)).orElse(List.of())) {
      if (!names.contains(shard)) {
        throw new HubException("%s lacks %s".formatted(reference, shard));
      }
    }
    return cache.snapshot(commit).resolve(wanted.answer());
  }

  /** The files that an index in a snapshot names. */
  List<String> shards(String commit, String index) {
    var file = cache.snapshot(commit).resolve(index);
    try {
      var shards = new TreeSet<String>();
      for (var shard : JsonMapper.shared().readTree(Files.readAllBytes(file)).path("weight_map")) {
        HubReference.requireInside(shard.asString(""), file.toString());
        shards.add(shard.asString(""));
      }
      return List.copyOf(shards);
    } catch (IOException | JacksonException e) {
      throw new HubException(file + " cannot be read as an index of shards", e);
    }
  }
}
