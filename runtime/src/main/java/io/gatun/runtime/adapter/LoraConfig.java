package io.gatun.runtime.adapter;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What an adapter is, in PEFT's terms (formats.md 4.2).
 *
 * @param rank r
 * @param alpha the update is scaled by alpha / r
 * @param dropout probability that an input of A is dropped in training
 * @param targetModules which linear layers
 * @param excludeModules which of them not
 * @param rankStabilized scale by alpha / sqrt(r) instead (rsLoRA)
 * @param layersToTransform only these blocks; empty for all
 * @param layersPattern names of the list of blocks; empty for any
 * @param rankPattern other ranks for modules whose path matches a key, the first that does
 * @param alphaPattern other alphas, likewise
 * @param init how parameters begin
 * @param baseModel where the base came from, empty if unknown
 * @param modulesToSave ends of the paths of modules that are trained whole
 */
public record LoraConfig(
    int rank,
    double alpha,
    float dropout,
    ModuleFilter targetModules,
    ModuleFilter excludeModules,
    boolean rankStabilized,
    List<Integer> layersToTransform,
    List<String> layersPattern,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern,
    Init init,
    String baseModel,
    List<String> modulesToSave) {

  /** How parameters begin. */
  public enum Init {
    /** A uniform in +-1/sqrt(in), B zero. */
    DEFAULT,
    /** A normal with deviation 1/r, B zero. */
    GAUSSIAN,
    /** A as by default, B uniform in +-1/sqrt(r): the adapter changes the model at once. */
    NONZERO
  }

  /** Checks ranges and copies collections, keeping their order. */
  public LoraConfig {
    if (rank <= 0) {
      throw new IllegalArgumentException("rank is " + rank + "; it must be positive");
    }
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException("dropout is " + dropout + "; it must be in [0, 1)");
    }
    if (!Double.isFinite(alpha)) {
      throw new IllegalArgumentException("alpha is " + alpha + "; it must be a number");
    }
    boolean someLayers = !layersToTransform.isEmpty() || !layersPattern.isEmpty();
    if (someLayers && targetModules instanceof ModuleFilter.Regex) {
      throw new IllegalArgumentException(
          "layers_to_transform and layers_pattern need target_modules as a list of names");
    }
    layersToTransform = List.copyOf(layersToTransform);
    layersPattern = List.copyOf(layersPattern);
    modulesToSave = List.copyOf(modulesToSave);
    rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
    alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
    for (var entry : rankPattern.entrySet()) {
      if (entry.getValue() <= 0) {
        throw new IllegalArgumentException(
            "rank_pattern gives " + entry.getKey() + " rank " + entry.getValue());
      }
    }
  }

  /**
   * Rank 16, alpha 32, no dropout, all linear layers.
   *
   * @return the configuration most runs begin with
   */
  public static LoraConfig defaults() {
    return new LoraConfig(
        16,
        32,
        0,
        new ModuleFilter.AllLinear(),
        ModuleFilter.NONE,
        false,
        List.of(),
        List.of(),
        Map.of(),
        Map.of(),
        Init.DEFAULT,
        "",
        List.of());
  }

  /**
   * Another rank and alpha.
   *
   * @param rank r
   * @param alpha numerator of the scale
   * @return a copy
   */
  public LoraConfig withRank(int rank, double alpha) {
    return new LoraConfig(
        rank,
        alpha,
        dropout,
        targetModules,
        excludeModules,
        rankStabilized,
        layersToTransform,
        layersPattern,
        rankPattern,
        alphaPattern,
        init,
        baseModel,
        modulesToSave);
  }

  /**
   * Another dropout.
   *
   * @param dropout probability in [0, 1)
   * @return a copy
   */
  public LoraConfig withDropout(float dropout) {
    return new LoraConfig(
        rank,
        alpha,
        dropout,
        targetModules,
        excludeModules,
        rankStabilized,
        layersToTransform,
        layersPattern,
        rankPattern,
        alphaPattern,
        init,
        baseModel,
        modulesToSave);
  }

  /**
   * Other targets.
   *
   * @param targetModules which linear layers
   * @return a copy
   */
  public LoraConfig withTargets(ModuleFilter targetModules) {
    return new LoraConfig(
        rank,
        alpha,
        dropout,
        targetModules,
        excludeModules,
        rankStabilized,
        layersToTransform,
        layersPattern,
        rankPattern,
        alphaPattern,
        init,
        baseModel,
        modulesToSave);
  }

  /**
   * Another name of the base.
   *
   * @param baseModel where the base came from
   * @return a copy
   */
  public LoraConfig withBaseModel(String baseModel) {
    return new LoraConfig(
        rank,
        alpha,
        dropout,
        targetModules,
        excludeModules,
        rankStabilized,
        layersToTransform,
        layersPattern,
        rankPattern,
        alphaPattern,
        init,
        baseModel,
        modulesToSave);
  }

  /**
   * Other modules that are trained whole.
   *
   * @param modulesToSave ends of their paths
   * @return a copy
   */
  public LoraConfig withModulesToSave(List<String> modulesToSave) {
    return new LoraConfig(
        rank,
        alpha,
        dropout,
        targetModules,
        excludeModules,
        rankStabilized,
        layersToTransform,
        layersPattern,
        rankPattern,
        alphaPattern,
        init,
        baseModel,
        modulesToSave);
  }

  /**
   * The rank of a module.
   *
   * @param path module path
   * @return r, or what the rank pattern says
   */
  public int rankOf(String path) {
    return firstMatch(rankPattern, path).orElse(rank);
  }

  /**
   * The factor of B A for a module.
   *
   * @param path module path
   * @return alpha / r or alpha / sqrt(r)
   */
  public float scaleOf(String path) {
    double a = firstMatch(alphaPattern, path).orElse(alpha);
    int r = rankOf(path);
    return (float) (rankStabilized ? a / Math.sqrt(r) : a / r);
  }

  /** The value of the first key K for which the path is matched by {@code (.*\.)?(K)}. */
  private static <T> Optional<T> firstMatch(Map<String, T> pattern, String path) {
    return pattern.entrySet().stream()
        .filter(e -> Pattern.matches("(.*\\.)?(" + e.getKey() + ")", path))
        .map(Map.Entry::getValue)
        .findFirst();
  }
}
