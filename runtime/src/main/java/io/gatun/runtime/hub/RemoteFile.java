package io.gatun.runtime.hub;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * A file of a repository as the hub lists it.
 *
 * @param name with slashes
 * @param size bytes, negative if the hub does not say
 * @param digest in hexadecimal, by which the cache calls it: SHA-256 of a large file, and of a
 *     small one the SHA-1 that Git gives it
 */
record RemoteFile(String name, long size, String digest) {
  private static final Pattern DIGEST = Pattern.compile("[0-9a-f]{40}|[0-9a-f]{64}");
  private static final int SHA256_DIGITS = 64;
  private static final int PIECE = 1 << 16;

  /** Refuses a file whose size and digest the hub does not say. */
  void requireKnown() {
    if (size < 0 || !DIGEST.matcher(digest).matches()) {
      throw new HubException(
          "the hub lists %s without its size and checksum; what cannot be checked is not downloaded"
              .formatted(name));
    }
  }

  /** Whether a file on disk has this size and digest. */
  boolean matches(Path file) throws IOException {
    var sum = sum();
    try (InputStream in = Files.newInputStream(file)) {
      var piece = new byte[PIECE];
      for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
        sum.update(piece, 0, n);
      }
    }
    return Files.size(file) == size && HexFormat.of().formatHex(sum.digest()).equals(digest);
  }

  private MessageDigest sum() {
    try {
      if (digest.length() == SHA256_DIGITS) {
        return MessageDigest.getInstance("SHA-256");
      }
      var sum = MessageDigest.getInstance("SHA-1");
      sum.update("blob %d\0".formatted(size).getBytes(StandardCharsets.UTF_8)); // as Git hashes
      return sum;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has both
    }
  }
}
