package io.gatun.kernels.cache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * The folders of the cache, {@code -Dgatun.cache} or one of the user's, and how files get there.
 */
public final class Cache {
  private Cache() {}

  /**
   * The folder that holds all of it.
   *
   * @return the folder, which may not exist yet
   */
  public static Path root() {
    String chosen = System.getProperty("gatun.cache", "");
    if (!chosen.isEmpty()) {
      return Path.of(chosen);
    }
    String xdg = System.getenv().getOrDefault("XDG_CACHE_HOME", "");
    Path base = xdg.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(xdg);
    return base.resolve("gatun");
  }

  /**
   * Where files of a kind lie.
   *
   * @param kind name of the folder
   * @return the folder, which may not exist yet
   */
  public static Path folder(String kind) {
    return root().resolve(kind);
  }

  /**
   * Writes a file, whole or not at all, over one that may be there.
   *
   * @param file where; its folder is made
   * @param content all of it
   * @throws IOException when it cannot be written
   */
  public static void write(Path file, byte[] content) throws IOException {
    Files.createDirectories(file.getParent());
    Path temporary = Files.createTempFile(file.getParent(), "part", ".tmp");
    try {
      Files.write(temporary, content);
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  /**
   * SHA-256.
   *
   * @param content any bytes
   * @return 32 bytes
   */
  public static byte[] digest(byte[] content) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(content);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JVM has SHA-256", e);
    }
  }

  /**
   * A name for content: half of its SHA-256, in hexadecimal digits.
   *
   * @param content any bytes
   * @return 32 digits
   */
  public static String name(byte[] content) {
    return HexFormat.of().formatHex(digest(content), 0, 16);
  }
}
