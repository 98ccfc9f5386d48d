package io.gatun.runtime.model;

import io.gatun.quant.checkpoint.Checkpoint;
import java.util.HashMap;
import java.util.Set;

/**
 * How names in files differ from those of the model: a model that was saved without a head has no
 * prefix, and old files say gamma and beta (formats.md 3).
 */
final class StoredNames {
  private StoredNames() {}

  /** The tensors under the names of the model; one that it does not have keeps its own. */
  static Checkpoint named(Checkpoint checkpoint, BaseConfig config) {
    var expected = config.tensors().keySet();
    var names = new HashMap<String, String>();
    for (var stored : checkpoint.names()) {
      var name = stored.replaceFirst("\\.gamma$", ".weight").replaceFirst("\\.beta$", ".bias");
      for (var candidate : Set.of(name, config.prefix() + name)) {
        if (expected.contains(candidate) && !checkpoint.names().contains(candidate)) {
          names.put(stored, candidate);
        }
      }
    }
    return names.isEmpty() ? checkpoint : checkpoint.renamed(names);
  }
}
