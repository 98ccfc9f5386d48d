package io.gatun.runtime.hub;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A repository of the hub as people write it: {@code org/name}, {@code org/name@revision}, {@code
 * org/name:file} or {@code org/name@revision:file}.
 *
 * @param repository owner and name
 * @param revision a branch, a tag or a commit; {@code main} where none is written
 * @param file inside the repository, if one is named
 */
public record HubReference(String repository, String revision, Optional<String> file) {
  private static final Pattern WRITTEN =
      Pattern.compile(
          "([A-Za-z0-9][\\w.-]{0,95}/[A-Za-z0-9][\\w.-]{0,95})(?:@([^@:\\s]+))?(?::([^:\\s][^:]*))?");
  private static final Pattern LOCAL_FILE =
      Pattern.compile(".*\\.(gguf|safetensors|onnx|jar|zip|jsonl?|csv|tsv|txt|ya?ml|bin|pt)");
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  /**
   * Reads what somebody wrote.
   *
   * @param text a reference, or a path
   * @return empty if it cannot be a repository: it has not one slash, or ends like a file
   */
  public static Optional<HubReference> of(String text) {
    var match = WRITTEN.matcher(text);
    if (!match.matches()) {
      return Optional.empty();
    }
    var repository = match.group(1);
    boolean ambiguous = repository.contains("--") || repository.contains("..");
    if (ambiguous || LOCAL_FILE.matcher(repository).matches()) {
      return Optional.empty();
    }
    var revision = Optional.ofNullable(match.group(2)).orElse("main");
    var file = Optional.ofNullable(match.group(3));
    file.ifPresent(name -> requireInside(name, text));
    requireInside(revision, text);
    return Optional.of(new HubReference(repository, revision, file));
  }

  /** Whether the revision is a commit, which never changes. */
  boolean isCommit() {
    return COMMIT.matcher(revision).matches();
  }

  @Override
  public String toString() {
    return repository
        + (revision.equals("main") ? "" : "@" + revision)
        + file.map(name -> ":" + name).orElse("");
  }

  /**
   * Checks a name that is to become a path below a folder.
   *
   * @param name with slashes between its parts
   * @param origin who gives the name, for the message
   * @throws HubException if it would lead elsewhere
   */
  static void requireInside(String name, String origin) {
    boolean plain = !name.startsWith("/") && !name.contains("\0") && !name.contains("\\");
    var outside = List.of("", ".", "..");
    if (!plain || List.of(name.split("/", -1)).stream().anyMatch(outside::contains)) {
      throw new HubException(
          "%s names the file \"%s\", which would lie outside of its folder; nothing was written"
              .formatted(origin, name));
    }
  }
}
