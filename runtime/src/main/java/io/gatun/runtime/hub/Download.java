package io.gatun.runtime.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;

/**
 * Fetches one file of a repository into the cache. What has come lies in an .incomplete file, from
 * which the next attempt goes on, in this run or another; it becomes a blob when size and checksum
 * are those of the listing.
 */
final class Download {
  private static final int PIECE = 1 << 16;
  private static final int CHECKED = 2;
  private static final Pattern RANGE = Pattern.compile("bytes (\\d{1,18})-\\d+/(\\d+|\\*)");

  private final HubClient client;
  private final RepositoryCache cache;
  private final Repository repository;
  private final Patience.Wait wait;
  private final Duration silence;

  /**
   * Downloads of one repository.
   *
   * @param silence how long a body may send nothing
   */
  Download(
      HubClient client,
      RepositoryCache cache,
      Repository repository,
      Patience.Wait wait,
      Duration silence) {
    this.client = client;
    this.cache = cache;
    this.repository = repository;
    this.wait = wait;
    this.silence = silence;
  }

  /** Bytes of a file that an earlier download left. */
  long begun(RemoteFile file) {
    try {
      return Files.exists(partial(file)) ? Math.min(file.size(), Files.size(partial(file))) : 0;
    } catch (IOException e) {
      throw cache.unwritable(e);
    }
  }

  /** Not the name that huggingface_hub uses: it would write into the file at the same time. */
  private Path partial(RemoteFile file) {
    return cache.blob(file).resolveSibling(file.digest() + ".gatun.incomplete");
  }

  /**
   * Makes the blob of a file.
   *
   * @param progress told how many bytes of it there are
   */
  void run(String commit, RemoteFile file, LongConsumer progress) {
    var partial = partial(file);
    try {
      for (int i = 0; i < CHECKED; i++) {
        try (var channel =
            FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
          fill(commit, file, channel, progress);
          channel.force(true);
        }
        if (file.matches(partial)) {
          Files.move(partial, cache.blob(file), StandardCopyOption.ATOMIC_MOVE);
          return;
        }
        Files.delete(partial);
      }
    } catch (IOException e) {
      throw cache.unwritable(e);
    }
    throw new HubException(
        "%s of %s was downloaded %d times and does not have the checksum that the hub states (%s); nothing of it was kept"
            .formatted(file.name(), repository.id(), CHECKED, file.digest()));
  }

  private void fill(String commit, RemoteFile file, FileChannel channel, LongConsumer progress)
      throws IOException {
    var patience = new Patience(wait);
    if (channel.size() > file.size()) {
      channel.truncate(0);
    }
    while (channel.size() < file.size()) {
      long before = channel.size();
      try {
        var response = client.file(repository, commit, file.name(), before);
        transfer(response, file, channel, progress);
        requireEnd(file, channel.size());
      } catch (TransientException e) {
        if (channel.size() > before) {
          patience.restore();
        }
        patience.failed("%s of %s".formatted(file.name(), repository.id()), e);
      }
    }
  }

  private static void requireEnd(RemoteFile file, long size) throws TransientException {
    if (size < file.size()) {
      throw new TransientException(
          "the download ended at byte %d of %d".formatted(size, file.size()), Optional.empty());
    }
  }

  private void transfer(
      HttpResponse<InputStream> response,
      RemoteFile file,
      FileChannel channel,
      LongConsumer progress)
      throws TransientException, IOException {
    try (var body = new PatientStream(response.body(), silence)) {
      long at = start(response, file, channel);
      var piece = new byte[PIECE];
      for (int n = read(body, piece, response); n >= 0; n = read(body, piece, response)) {
        if (at + n > file.size()) {
          channel.truncate(0);
          throw new HubException(
              "%s sends more than the %d bytes that %s has; nothing of it was kept"
                  .formatted(response.uri().getAuthority(), file.size(), file.name()));
        }
        var bytes = ByteBuffer.wrap(piece, 0, n);
        while (bytes.hasRemaining()) {
          at += channel.write(bytes, at);
        }
        progress.accept(at);
      }
    }
  }

  private static int read(InputStream body, byte[] piece, HttpResponse<InputStream> response)
      throws TransientException {
    try {
      return body.read(piece);
    } catch (IOException e) {
      throw HubClient.lost(response.uri(), e);
    }
  }

  /** Where the body belongs: behind what is there, or at the start if the server began anew. */
  private static long start(
      HttpResponse<InputStream> response, RemoteFile file, FileChannel channel) throws IOException {
    var range = RANGE.matcher(response.headers().firstValue("Content-Range").orElse(""));
    long length = response.headers().firstValueAsLong("Content-Length").orElse(-1);
    boolean goesOn = response.statusCode() == 206;
    if (!goesOn) {
      channel.truncate(0);
    }
    long at = channel.size();
    boolean here = !goesOn || range.matches() && Long.parseLong(range.group(1)) == at;
    if (!here || length >= 0 && at + length != file.size()) {
      throw new HubException(
          "%s does not send %s as the hub lists it (%d bytes, of which %d are here, and now %d); try again later"
              .formatted(response.uri().getAuthority(), file.name(), file.size(), at, length));
    }
    return at;
  }
}
