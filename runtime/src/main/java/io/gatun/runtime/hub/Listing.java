package io.gatun.runtime.hub;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the hub says of a revision of a repository.
 *
 * @param commit that the revision stands for
 * @param files by name
 */
record Listing(String commit, Map<String, RemoteFile> files) {
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  /**
   * Reads the answer of the hub.
   *
   * @param address asked, for messages
   * @throws HubException if it is not such an answer
   */
  static Listing parse(byte[] json, String address) {
    try {
      var node = JsonMapper.shared().readTree(json);
      var commit = node.path("sha").asString("");
      var siblings = node.path("siblings");
      if (!COMMIT.matcher(commit).matches() || !siblings.isArray()) {
        throw new HubException(
            address + " answers without the commit and the files of the revision");
      }
      var files = new TreeMap<String, RemoteFile>();
      for (var sibling : siblings) {
        var file = file(sibling, address);
        files.put(file.name(), file);
      }
      return new Listing(commit, files);
    } catch (JacksonException e) {
      throw new HubException(address + " answers with something that is not JSON", e);
    }
  }

  private static RemoteFile file(JsonNode sibling, String address) {
    var name = sibling.path("rfilename").asString("");
    HubReference.requireInside(name, address);
    var large = sibling.path("lfs");
    long size = (large.isObject() ? large : sibling).path("size").asLong(-1);
    var digest = (large.isObject() ? large.path("sha256") : sibling.path("blobId")).asString("");
    return new RemoteFile(name, size, digest);
  }
}
