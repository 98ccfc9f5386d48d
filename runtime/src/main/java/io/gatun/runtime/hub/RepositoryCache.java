package io.gatun.runtime.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * One repository in the cache, laid out as huggingface_hub does: {@code blobs} by their digests,
 * {@code snapshots/<commit>} of links to them, {@code refs/<revision>} with a commit each. A blob
 * is whole before it has its name, and a revision is noted after its files.
 */
final class RepositoryCache {
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
  private static final Duration LOCK_POLL = Duration.ofMillis(200);

  private final Path cache;
  private final Path folder;

  RepositoryCache(Path cache, Repository repository) {
    this.cache = cache;
    this.folder = cache.resolve(repository.folder());
  }

  Path folder() {
    return folder;
  }

  Path snapshot(String commit) {
    return folder.resolve("snapshots").resolve(commit);
  }

  Path blob(RemoteFile file) {
    return folder.resolve("blobs").resolve(file.digest());
  }

  /** The commit that a revision stood for when it was downloaded last. */
  Optional<String> commit(HubReference reference) {
    if (reference.isCommit()) {
      return Optional.of(reference.revision()).filter(c -> Files.isDirectory(snapshot(c)));
    }
    var ref = folder.resolve("refs").resolve(reference.revision());
    try {
      return Files.isRegularFile(ref)
          ? Optional.of(Files.readString(ref).strip())
              .filter(c -> COMMIT.matcher(c).matches() && Files.isDirectory(snapshot(c)))
          : Optional.empty();
    } catch (IOException e) {
      throw new HubException(ref + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** The files of a snapshot whose blobs are there. */
  Set<String> files(String commit) {
    var snapshot = snapshot(commit);
    var names = new TreeSet<String>();
    try (var walk = Files.walk(snapshot)) {
      walk.filter(Files::isRegularFile)
          .forEach(f -> names.add(snapshot.relativize(f).toString().replace('\\', '/')));
    } catch (IOException | UncheckedIOException e) {
      throw new HubException(snapshot + " cannot be read: " + e.getMessage(), e);
    }
    return names;
  }

  /** Whether a blob is there in full; one of another size is not what it is called. */
  boolean has(RemoteFile file) {
    try {
      return Files.isRegularFile(blob(file)) && Files.size(blob(file)) == file.size();
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  /** Puts a blob into a snapshot under its name. */
  void link(String commit, RemoteFile file) {
    var link = snapshot(commit).resolve(file.name());
    var parent = link.resolveSibling("");
    var target = parent.relativize(blob(file));
    try {
      Files.createDirectories(parent);
      try {
        Files.createSymbolicLink(link, target);
      } catch (FileAlreadyExistsException e) {
        if (!Files.isSymbolicLink(link) || !Files.readSymbolicLink(link).equals(target)) {
          Files.delete(link);
          Files.createSymbolicLink(link, target);
        }
      }
    } catch (IOException e) {
      throw new HubException(
          "the cache folder %s cannot hold symbolic links, which it is made of (%s); set HF_HOME to a folder that can"
              .formatted(cache, e.getMessage()),
          e);
    }
  }

  /** Notes which commit a revision stands for. */
  void remember(HubReference reference, String commit) {
    if (reference.isCommit()) {
      return;
    }
    var ref = folder.resolve("refs").resolve(reference.revision());
    try {
      Files.createDirectories(ref.resolveSibling(""));
      var temporary = Path.of(ref + ".gatun.incomplete"); // the lock keeps others away
      Files.writeString(temporary, commit);
      Files.move(temporary, ref, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  /** Refuses to begin a download that the disk has no room for. */
  void requireSpace(long bytes) {
    try {
      long free = Files.getFileStore(folder).getUsableSpace();
      if (bytes > free) {
        throw new HubException(
            "%d MB are to be downloaded, and the disk of %s has room for %d MB; set HF_HOME to a folder on another one"
                .formatted(bytes >> 20, cache, free >> 20));
      }
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  /** What cannot be written, and what to do. */
  HubException unwritable(IOException e) {
    var reason = e instanceof AccessDeniedException ? "permission denied" : e.getMessage();
    return new HubException(
        "the cache folder %s cannot be used (%s); set HF_HOME to a folder that you can write to"
            .formatted(cache, reason),
        e);
  }

  /** A lock on the repository against other processes and threads; closing frees it. */
  interface Lock extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Waits until nobody else downloads this repository.
   *
   * @param waiting told once if somebody does
   */
  Lock lock(Runnable waiting) {
    var locks = cache.resolve(".locks").resolve(cache.relativize(folder));
    var file = locks.resolve("gatun.lock");
    try {
      Files.createDirectories(locks);
      Files.createDirectories(folder.resolve("blobs"));
      var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      try {
        await(channel, waiting);
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
      return () -> close(channel);
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  private static void await(FileChannel channel, Runnable waiting) throws IOException {
    boolean told = false;
    while (!locked(channel)) {
      if (!told) {
        waiting.run();
        told = true;
      }
      try {
        Thread.sleep(LOCK_POLL);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new HubException("interrupted while another download of this repository went on", e);
      }
    }
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException _) {
      return false; // another thread of this process has it
    }
  }

  private void close(FileChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      throw unwritable(e);
    }
  }
}
