package io.gatun.runtime.hub;

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/**
 * A repository of the hub.
 *
 * @param kind what is in it
 * @param id owner and name
 */
record Repository(Kind kind, String id) {

  /** What repositories hold. */
  enum Kind {
    /** Models and adapters. */
    MODEL("models", ""),
    /** Rows. */
    DATASET("datasets", "datasets/");

    private final String plural;
    private final String place;

    Kind(String plural, String place) {
      this.plural = plural;
      this.place = place;
    }
  }

  /** Name of its folder in the cache. */
  String folder() {
    return kind.plural + "--" + id.replace("/", "--");
  }

  /** Where the hub tells what is in a revision. */
  URI listing(URI hub, String revision) {
    return URI.create(
        "%s/api/%s/%s/revision/%s?blobs=true".formatted(hub, kind.plural, id, encoded(revision)));
  }

  /** Where the hub has a file of a commit. */
  URI file(URI hub, String commit, String name) {
    var path = encoded(name).replace("%2F", "/");
    return URI.create("%s/%s%s/resolve/%s/%s".formatted(hub, kind.place, id, commit, path));
  }

  /** Where people read about it. */
  String page(URI hub) {
    return hub + "/" + kind.place + id;
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
