package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** The values of a config.json. Collects every problem with them, to throw once. */
final class ConfigValues {
  private final JsonNode json;
  private final List<String> problems = new ArrayList<>();

  ConfigValues(JsonNode json) {
    this.json = json;
  }

  JsonNode json() {
    return json;
  }

  String modelType() {
    return json.path("model_type").asString("");
  }

  void problem(String sentence) {
    problems.add(sentence);
  }

  void throwProblems() {
    if (!problems.isEmpty()) {
      throw new UnsupportedException("config.json: " + String.join("; ", problems));
    }
  }

  boolean present(String key) {
    return json.has(key) && !json.path(key).isNull();
  }

  int required(String key) {
    if (!present(key)) {
      problems.add(key + " is missing");
    }
    int value = integer(key, 1);
    if (value <= 0) {
      problems.add(key + " is " + value + ", not a positive number");
    }
    return value;
  }

  int integer(String key, int absent) {
    return (int) number(key, absent);
  }

  double number(String key, double absent) {
    return present(key) ? number(key, absent, absent) : absent;
  }

  double number(String key, double missing, double ofNull) {
    if (!json.has(key)) {
      return missing;
    }
    if (json.path(key).isNull()) {
      return ofNull;
    }
    if (!json.path(key).isNumber()) {
      problems.add(key + " is not a number: " + json.path(key));
    }
    return json.path(key).asDouble(missing);
  }

  /** Of dropout: one of 1 would leave nothing. */
  float probability(String key, float absent) {
    float value = (float) number(key, absent);
    if (!(value >= 0 && value < 1)) {
      problems.add("%s is %s, not a probability from 0 to below 1".formatted(key, value));
    }
    return value;
  }

  boolean flag(String key, boolean missing) {
    return present(key) ? json.path(key).asBoolean(missing) : missing;
  }

  /** The function of a name, one of those that are known by it. */
  Activation activation(String key, String name, Map<String, Activation> known) {
    if (!known.containsKey(name)) {
      problems.add(
          "%s \"%s\" is not supported; supported are %s"
              .formatted(key, name, String.join(", ", known.keySet().stream().sorted().toList())));
    }
    return known.getOrDefault(name, Activation.GELU);
  }

  /** Refuses architectures whose names end otherwise. */
  void requireArchitecture(List<String> ends, String instead) {
    for (var architecture : json.path("architectures")) {
      String name = architecture.asString("");
      if (ends.stream().noneMatch(name::endsWith)) {
        problems.add("architecture " + name + " is not supported; " + instead);
      }
    }
  }

  /** Refuses weights that are quantized in a way of which the files are not read. */
  void refuseQuantization() {
    var quantization = json.path("quantization_config");
    if (quantization.isMissingNode() || quantization.isNull()) {
      return;
    }
    String method = quantization.path("quant_method").asString("");
    boolean fourBit =
        quantization.path("load_in_4bit").asBoolean(false)
            || quantization.path("_load_in_4bit").asBoolean(false);
    if (!method.equals("bitsandbytes") || !fourBit) {
      problems.add(
          "quantization method "
              + (method.equals("bitsandbytes") ? "bitsandbytes 8-bit" : "\"" + method + "\"")
              + " is not supported; supported are bitsandbytes 4-bit, GGUF and plain 16 or 32 bit");
    }
  }
}
