package io.gatun.runtime.adapter;

import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.LinearLayer;
import io.gatun.runtime.model.UnsupportedException;
import io.gatun.runtime.model.WeightNames;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds the linear layers that get an adapter, by PEFT's rules in PEFT's order (formats.md 4.6).
 */
final class ModuleSelection {
  private static final String ANY_LIST = ".*?\\.[^.]*\\.(\\d+)\\.";

  private ModuleSelection() {}

  /**
   * The adapted layers of a base.
   *
   * @param config what to adapt
   * @param base its shape
   * @return at least one, in the order of the model
   * @throws IllegalArgumentException when nothing matches, or a module that can have no adapter
   *     does
   * @throws UnsupportedException when an embedding or the head matches
   */
  static List<AdaptedLayer> select(LoraConfig config, BaseConfig base) {
    if (!(config.targetModules() instanceof ModuleFilter.AllLinear)) {
      base.otherModules().stream()
          .filter(path -> matches(config, path))
          .forEach(path -> refuse(base, path));
    }
    var adapted =
        base.linearLayers().stream()
            .filter(linear -> matches(config, linear.path()))
            .map(linear -> adapted(config, linear))
            .toList();
    if (adapted.isEmpty()) {
      throw new IllegalArgumentException(
          "target_modules "
              + describe(config.targetModules())
              + " match no linear layer of the model; its layers are named like "
              + base.linearLayers().getFirst().path());
    }
    return adapted;
  }

  private static AdaptedLayer adapted(LoraConfig config, LinearLayer linear) {
    return new AdaptedLayer(linear, config.rankOf(linear.path()), config.scaleOf(linear.path()));
  }

  /** An embedding or a head, tied or not, is a table that could have an adapter. */
  private static void refuse(BaseConfig base, String path) {
    var shape = base.backbone().tensors().getOrDefault(WeightNames.weight(path), List.of());
    if (shape.size() == 2 || path.equals(WeightNames.HEAD)) {
      throw new UnsupportedException(
          "an adapter on " + path + " is not supported yet; linear layers of the blocks are");
    }
    boolean head = base.head().stream().anyMatch(layer -> layer.path().equals(path));
    throw new IllegalArgumentException(
        "target_modules match "
            + path
            + (head
                ? ", a layer of the head, which is trained whole"
                : ", which is no linear layer"));
  }

  private static boolean matches(LoraConfig config, String path) {
    var targets = config.targetModules();
    boolean excluded =
        config.excludeModules().matches(path) || TrainedModules.excludes(config, path);
    if (excluded || !targets.matches(path)) {
      return false;
    }
    return targets instanceof ModuleFilter.Regex
        || targets.equalsName(path)
        || chosenLayer(config, path);
  }

  private static boolean chosenLayer(LoraConfig config, String path) {
    if (config.layersToTransform().isEmpty()) {
      return true;
    }
    var layer = layerIndex(config.layersPattern(), path);
    return layer.isPresent() && config.layersToTransform().contains(layer.getAsInt());
  }

  private static OptionalInt layerIndex(List<String> patterns, String path) {
    var regexes =
        patterns.isEmpty()
            ? List.of(ANY_LIST)
            : patterns.stream().map(p -> "(?:^|.*?\\.)" + p + "\\.(\\d+)\\.").toList();
    return regexes.stream()
        .map(regex -> Pattern.compile(regex).matcher(path))
        .filter(Matcher::lookingAt)
        .mapToInt(matcher -> Integer.parseInt(matcher.group(1)))
        .findFirst();
  }

  private static String describe(ModuleFilter filter) {
    return switch (filter) {
      case ModuleFilter.Names(var names) -> names.toString();
      case ModuleFilter.Regex(var regex) -> "\"" + regex + "\"";
      case ModuleFilter.AllLinear() -> "all-linear";
    };
  }
}
