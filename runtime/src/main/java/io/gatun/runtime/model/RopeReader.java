package io.gatun.runtime.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;

/**
 * Reads the rotation from config.json, in the layouts of transformers 4 and 5 (formats.md 5.1 and
 * 5.3).
 */
final class RopeReader {
  private final JsonNode json;
  private final JsonNode parameters;
  private final Consumer<String> problems;

  RopeReader(JsonNode json, Consumer<String> problems) {
    this.json = json;
    this.problems = problems;
    var current = json.path("rope_parameters");
    this.parameters = current.isObject() ? current : json.path("rope_scaling");
  }

  RopeTable read(int headDim, int contextLength) {
    double theta = number("rope_theta", json.path("rope_theta").asDouble(10000));
    double rotated =
        number("partial_rotary_factor", json.path("partial_rotary_factor").asDouble(1));
    if (rotated != 1) {
      problems.accept(
          "partial_rotary_factor " + rotated + " is not supported; the whole head is rotated");
    }
    var scaling = scaling(contextLength);
    boolean listsFit =
        !(scaling instanceof RopeScaling.LongRope l)
            || l.shortFactors().size() == headDim / 2 && l.longFactors().size() == headDim / 2;
    if (!listsFit) {
      problems.accept("short_factor and long_factor need " + headDim / 2 + " values each");
    }
    return new RopeTable(theta, headDim, listsFit ? scaling : new RopeScaling.None());
  }

  private RopeScaling scaling(int contextLength) {
    String type =
        parameters.path("rope_type").asString(parameters.path("type").asString("default"));
    int original =
        (int)
            number(
                "original_max_position_embeddings",
                json.path("original_max_position_embeddings").asDouble(contextLength));
    return switch (type) {
      case "default" -> new RopeScaling.None();
      case "linear" -> new RopeScaling.Linear(factor());
      case "llama3" ->
          new RopeScaling.Llama3(
              factor(), number("low_freq_factor", 1), number("high_freq_factor", 4), original);
      case "dynamic" -> new RopeScaling.Dynamic(factor(), contextLength);
      case "yarn" -> yarn(original);
      case "longrope", "su" -> longRope(original, contextLength);
      default -> {
        problems.accept(
            "rope_type \""
                + type
                + "\" is not supported; supported are default, linear, llama3, dynamic, yarn,"
                + " longrope");
        yield new RopeScaling.None();
      }
    };
  }

  private RopeScaling yarn(int original) {
    double factor = factor();
    double mscale = number("mscale", 0);
    double mscaleAll = number("mscale_all_dim", 0);
    double implied =
        mscale != 0 && mscaleAll != 0
            ? growth(mscale, factor) / growth(mscaleAll, factor)
            : growth(1, factor);
    return new RopeScaling.Yarn(
        factor,
        original,
        number("beta_fast", 32),
        number("beta_slow", 1),
        parameters.path("truncate").asBoolean(true),
        (float) number("attention_factor", implied));
  }

  /** 0.1 m ln(factor) + 1. */
  private static double growth(double m, double factor) {
    return factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1;
  }

  private RopeScaling longRope(int original, int contextLength) {
    double factor = number("factor", (double) contextLength / original);
    double implied = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
    return new RopeScaling.LongRope(
        numbers("short_factor"),
        numbers("long_factor"),
        original,
        (float) number("attention_factor", implied));
  }

  private double factor() {
    double factor = number("factor", 0);
    if (!(factor > 0)) {
      problems.accept("the rope scaling needs a positive factor");
      return 1;
    }
    return factor;
  }

  private double number(String key, double absent) {
    var value = parameters.path(key);
    return value.isNumber() ? value.asDouble() : absent;
  }

  private List<Double> numbers(String key) {
    var values = new ArrayList<Double>();
    for (var value : parameters.path(key)) {
      values.add(value.asDouble(1));
    }
    return values;
  }
}
