package io.gatun.runtime.adapter;

import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.HeadLayer;
import io.gatun.runtime.model.LinearLayer;
import io.gatun.runtime.model.UnsupportedException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Finds the layers that an adapter holds whole, PEFT's modules_to_save (formats.md 4.7): those of a
 * classifier's head.
 */
final class TrainedModules {
  private TrainedModules() {}

  /**
   * The names for a new adapter: those that are asked for, those that PEFT adds for every
   * classifier, and every layer that the base does not have. A reader must find the latter in the
   * adapter, so each is named even where a shorter name happens to mean it too.
   */
  static List<String> names(LoraConfig config, BaseConfig base) {
    var names = new LinkedHashSet<>(config.modulesToSave());
    if (base instanceof ClassifierConfig) {
      names.addAll(ClassifierConfig.ALWAYS_TRAINED);
    }
    for (var layer : base.head()) {
      boolean named = names.stream().anyMatch(name -> inside(layer.path(), name));
      if (!layer.stored() && !named) {
        names.add(layer.path());
      }
    }
    return List.copyOf(names);
  }

  /**
   * The layers that are trained whole.
   *
   * @param config whose names mean them
   * @param base the shape of the base
   * @return first to last
   * @throws UnsupportedException when a name means a module that is not in a head
   * @throws IllegalArgumentException when a layer would be neither in the base nor in the adapter
   */
  static List<HeadLayer> select(LoraConfig config, BaseConfig base) {
    var names = config.modulesToSave();
    refuseOthers(names, base);
    var trained = new ArrayList<HeadLayer>();
    for (var layer : base.head()) {
      if (names.stream().anyMatch(name -> ClassifierConfig.within(layer.path(), name))) {
        trained.add(layer);
      } else if (!layer.stored()) {
        throw new IllegalArgumentException(
            "the base has no weights for %s, and modules_to_save %s does not name it: its values would be lost"
                .formatted(layer.path(), names));
      }
    }
    return List.copyOf(trained);
  }

  private static void refuseOthers(List<String> names, BaseConfig base) {
    var backbone = base.backbone();
    Stream.concat(
            backbone.otherModules().stream(),
            backbone.linearLayers().stream().map(LinearLayer::path))
        .forEach(path -> names.stream().filter(path::endsWith).forEach(name -> refuse(name, path)));
  }

  private static void refuse(String name, String path) {
    throw new UnsupportedException(
        "modules_to_save names %s, which means %s; only the layers of a classifier's head can be trained whole"
            .formatted(name, path));
  }

  /** Whether a module gets no adapter because it is named, or inside one that is. */
  static boolean excludes(LoraConfig config, String path) {
    return config.modulesToSave().stream().anyMatch(name -> inside(path, name));
  }

  private static boolean inside(String path, String name) {
    return Pattern.matches("(^|.*\\.)" + Pattern.quote(name) + "($|\\..*)", path);
  }
}
