package io.gatun.runtime.hub;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the environment says about the hub, by the variables that its other tools read.
 *
 * @param cache folder of the repositories
 * @param endpoint of the hub
 * @param token of the user
 * @param offline whether the network is not to be used
 */
record HubSettings(Path cache, URI endpoint, Optional<String> token, boolean offline) {
  private static final String OFFICIAL = "https://huggingface.co";
  private static final Set<String> YES = Set.of("1", "on", "yes", "true");

  /** Reads variables; {@code user.home} stands for the user's home folder. */
  static HubSettings of(Map<String, String> environment) {
    var home = Path.of(System.getProperty("user.home"));
    var variables = new Variables(environment, home);
    var base =
        variables
            .path("HF_HOME")
            .orElseGet(() ->
                variables
                    .path("XDG_CACHE_HOME")
                    .orElse(home.resolve(".cache"))
                    .resolve("huggingface"));
    var cache =
        variables
            .path("HF_HUB_CACHE")
            .or(() -> variables.path("HUGGINGFACE_HUB_CACHE"))
            .orElse(base.resolve("hub"));
    boolean offline =
        List.of("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE").stream()
            .flatMap(name -> variables.text(name).stream())
            .anyMatch(value -> YES.contains(value.toLowerCase(Locale.ROOT)));
    var tokenFile = variables.path("HF_TOKEN_PATH").orElse(base.resolve("token"));
    var token =
        variables
            .text("HF_TOKEN")
            .or(() -> variables.text("HUGGING_FACE_HUB_TOKEN"))
            .or(() -> token(tokenFile));
    token.ifPresent(HubSettings::requirePlain);
    return new HubSettings(cache, endpoint(variables), token, offline);
  }

  private record Variables(Map<String, String> environment, Path home) {
    /** A variable that is set and not empty. */
    Optional<String> text(String name) {
      return Optional.ofNullable(environment.get(name))
          .map(String::strip)
          .filter(v -> !v.isEmpty());
    }

    Optional<Path> path(String name) {
      return text(name)
          .map(v -> v.startsWith("~/") ? home.resolve(v.substring(2)) : Path.of(v))
          .map(Path::toAbsolutePath);
    }
  }

  private static URI endpoint(Variables variables) {
    var text = variables.text("HF_ENDPOINT").orElse(OFFICIAL).replaceFirst("/+$", "");
    try {
      var endpoint = URI.create(text);
      if (Set.of("http", "https").contains(String.valueOf(endpoint.getScheme()))
          && endpoint.getHost() != null) {
        return endpoint;
      }
    } catch (IllegalArgumentException _) {
      // said below
    }
    throw new HubException(
        "HF_ENDPOINT is \"%s\"; it must be an address such as %s".formatted(text, OFFICIAL));
  }

  private static Optional<String> token(Path file) {
    try {
      return Files.isRegularFile(file)
          ? Optional.of(Files.readString(file).strip()).filter(t -> !t.isEmpty())
          : Optional.empty();
    } catch (IOException e) {
      throw new HubException("the token in " + file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** A header of a request cannot hold anything else; the token itself is never shown. */
  private static void requirePlain(String token) {
    if (!token.chars().allMatch(c -> c > ' ' && c < 127)) {
      throw new HubException(
          "the hub's token (HF_TOKEN, or the file of HF_TOKEN_PATH) has blanks or signs in it that"
              + " no token has");
    }
  }
}
