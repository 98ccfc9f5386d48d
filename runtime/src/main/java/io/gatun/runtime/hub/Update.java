package io.gatun.runtime.hub;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Brings a repository in the cache to what the hub lists. */
final class Update {
  private final Cached cached;
  private final RepositoryCache cache;
  private final Listing listing;
  private final Download download;
  private final HubListener listener;

  /**
   * Nothing is done yet.
   *
   * @param cached what there is, and what is needed
   * @param listing what the hub has
   * @param download fetches a file
   * @param listener hears of it
   */
  Update(Cached cached, Listing listing, Download download, HubListener listener) {
    this.cached = cached;
    this.cache = cached.cache();
    this.listing = listing;
    this.download = download;
    this.listener = listener;
  }

  /** Fetches what is missing of what is needed. */
  Path run() {
    var reference = cached.reference();
    var wanted = cached.choice().apply(reference, listing.files().keySet());
    var path = cache.snapshot(listing.commit()).resolve(wanted.answer());
    boolean current = cache.commit(reference).equals(Optional.of(listing.commit()));
    if (current && isThere(wanted)) {
      return path; // without writing: the cache may be another user's
    }
    Runnable waiting = () -> listener.notice("waiting for another download of " + reference);
    try (var _ = cache.lock(waiting)) {
      fetch(wanted.files());
      wanted.index().ifPresent(index -> fetch(cached.shards(listing.commit(), index)));
      cache.remember(reference, listing.commit());
    }
    return path;
  }

  private boolean isThere(Wanted wanted) {
    var names = cache.files(listing.commit());
    var files = new ArrayList<>(wanted.files());
    wanted
        .index()
        .filter(names::contains)
        .ifPresent(index -> files.addAll(cached.shards(listing.commit(), index)));
    return files.stream()
        .allMatch(name ->
            names.contains(name)
                && listing.files().containsKey(name)
                && cache.has(listing.files().get(name)));
  }

  /** Downloads those files that are not there, and puts all of them into the snapshot. */
  private void fetch(List<String> names) {
    var files = names.stream().map(this::listed).toList();
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

  private RemoteFile listed(String name) {
    var file = listing.files().get(name);
    if (file == null) {
      throw new HubException("the index of shards names %s, which is not there".formatted(name));
    }
    file.requireKnown();
    return file;
  }
}
