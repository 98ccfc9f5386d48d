package io.gatun.runtime.adapter;

import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.UnsupportedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import tools.jackson.core.JacksonException;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * adapter_config.json, as PEFT 0.21 writes it (formats.md 4.2). Keys that Gatun does not know, or
 * does not support, pass where their value asks for nothing; otherwise they are refused by name.
 */
final class AdapterConfigFile {
  static final String NAME = "adapter_config.json";

  private static final String WRITER = "0.21.0";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Keys that are read, or that say nothing about the numbers. */
  private static final Set<String> KNOWN =
      Set.of(
          "alpha_pattern",
          "auto_mapping",
          "base_model_name_or_path",
          "ensure_weight_tying",
          "exclude_modules",
          "inference_mode",
          "init_lora_weights",
          "layers_pattern",
          "layers_to_transform",
          "lora_alpha",
          "lora_dropout",
          "peft_type",
          "peft_version",
          "qalora_group_size",
          "r",
          "rank_pattern",
          "revision",
          "runtime_config",
          "target_modules",
          "task_type",
          "use_rslora");

  /** Values, other than null, false and empty, that ask for nothing. */
  private static final Map<String, String> HARMLESS =
      Map.of("bias", "none", "megatron_core", "megatron.core");

  /** Keys that are written as null, false or empty. */
  private static final List<String> NULLS =
      List.of(
          "alora_invocation_tokens",
          "arrow_config",
          "auto_mapping",
          "corda_config",
          "eva_config",
          "kasa_config",
          "layer_replication",
          "lora_ga_config",
          "megatron_config",
          "modules_to_save",
          "monteclora_config",
          "revision",
          "target_parameters",
          "trainable_token_indices",
          "use_bdlora",
          "velora_config");

  private static final List<String> FALSES =
      List.of("ensure_weight_tying", "fan_in_fan_out", "lora_bias", "use_dora", "use_qalora");

  private AdapterConfigFile() {}

  /** The configuration in a folder, for a base of the given shape. */
  static LoraConfig read(Path folder, BaseConfig base) {
    Path file = folder.resolve(NAME);
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(
          folder, "there is no " + NAME + "; an adapter is a folder that PEFT or Gatun wrote");
    }
    try {
      return parse(JSON.readTree(Files.readString(file)), base);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (JacksonException e) {
      throw new CheckpointException(file, "not JSON: " + e.getOriginalMessage());
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file, String.valueOf(e.getMessage()));
    }
  }

  static LoraConfig parse(JsonNode json, BaseConfig base) {
    refuseUnsupported(json);
    return new LoraConfig(
        (int) number(json, "r", 8),
        number(json, "lora_alpha", 8),
        (float) number(json, "lora_dropout", 0),
        present(json, "target_modules")
            ? filter(json.path("target_modules"))
            : defaultTargets(base),
        present(json, "exclude_modules") ? filter(json.path("exclude_modules")) : ModuleFilter.NONE,
        json.path("use_rslora").asBoolean(false),
        list(json.path("layers_to_transform"), JsonNode::intValue),
        list(json.path("layers_pattern"), JsonNode::stringValue),
        map(json.path("rank_pattern"), JsonNode::intValue),
        map(json.path("alpha_pattern"), JsonNode::doubleValue),
        init(json.path("init_lora_weights")),
        present(json, "base_model_name_or_path")
            ? json.path("base_model_name_or_path").asString("")
            : "");
  }

  private static void refuseUnsupported(JsonNode json) {
    var problems = new ArrayList<String>();
    String type = json.path("peft_type").asString("");
    if (!type.equals("LORA")) {
      problems.add("peft_type \"" + type + "\" is not supported, only LORA");
    }
    String task = json.path("task_type").asString("CAUSAL_LM");
    if (!json.path("task_type").isNull() && !task.equals("CAUSAL_LM")) {
      problems.add("task_type " + task + " comes with a later version, only CAUSAL_LM is read");
    }
    json.forEachEntry((key, value) -> {
      if (!KNOWN.contains(key) && !asksForNothing(key, value)) {
        problems.add(key + " = " + value + " is not supported yet");
      }
    });
    if (!problems.isEmpty()) {
      throw new UnsupportedException(NAME + ": " + String.join("; ", problems));
    }
  }

  private static boolean asksForNothing(String key, JsonNode value) {
    return value.isNull()
        || value.isBoolean() && !value.booleanValue()
        || value.isContainer() && value.isEmpty()
        || value.isString() && value.stringValue().equals(HARMLESS.get(key));
  }

  private static LoraConfig.Init init(JsonNode value) {
    if (value.isMissingNode() || value.isNull() || value.isBoolean()) {
      return value.asBoolean(true) ? LoraConfig.Init.DEFAULT : LoraConfig.Init.NONZERO;
    }
    return switch (value.asString("")) {
      case "gaussian" -> LoraConfig.Init.GAUSSIAN;
      case "eva", "orthogonal" -> LoraConfig.Init.DEFAULT; // the base is as it was
      default ->
          throw new UnsupportedException(
              "init_lora_weights "
                  + value
                  + " is not supported: it may change the base; save the adapter converted to plain"
                  + " LoRA");
    };
  }

  private static ModuleFilter filter(JsonNode value) {
    if (value.isString()) {
      return value.stringValue().equalsIgnoreCase("all-linear")
          ? new ModuleFilter.AllLinear()
          : new ModuleFilter.Regex(value.stringValue());
    }
    return new ModuleFilter.Names(list(value, JsonNode::stringValue));
  }

  private static ModuleFilter defaultTargets(BaseConfig base) {
    if (base.defaultTargets().isEmpty()) {
      throw new IllegalArgumentException(
          "target_modules is null, and models of type "
              + base.modelType()
              + " have no default: name the layers, for example "
              + base.linearNames());
    }
    return new ModuleFilter.Names(base.defaultTargets());
  }

  private static boolean present(JsonNode json, String key) {
    return json.has(key) && !json.path(key).isNull();
  }

  private static double number(JsonNode json, String key, double absent) {
    return present(json, key) ? json.path(key).doubleValue() : absent;
  }

  private static <T> List<T> list(JsonNode value, Function<JsonNode, T> element) {
    var list = new ArrayList<T>();
    if (value.isArray()) {
      value.forEach(v -> list.add(element.apply(v)));
    } else if (!value.isMissingNode() && !value.isNull()) {
      list.add(element.apply(value));
    }
    return list;
  }

  private static <T> Map<String, T> map(JsonNode value, Function<JsonNode, T> element) {
    var map = new LinkedHashMap<String, T>();
    value.forEachEntry((key, v) -> map.put(key, element.apply(v)));
    return map;
  }

  /** Indented by 2, keys sorted, no newline at the end. */
  static String format(LoraConfig config, BaseConfig base) {
    var json = new TreeMap<String, Object>();
    NULLS.forEach(key -> json.put(key, JSON.nullNode()));
    FALSES.forEach(key -> json.put(key, false));
    json.put("alpha_pattern", config.alphaPattern());
    json.put("bias", "none");
    json.put("inference_mode", true);
    json.put("loftq_config", Map.of());
    json.put("lora_alpha", plain(config.alpha()));
    json.put("lora_dropout", Double.parseDouble(Float.toString(config.dropout())));
    json.put("megatron_core", "megatron.core");
    json.put("peft_type", "LORA");
    json.put("peft_version", WRITER);
    json.put("qalora_group_size", 16);
    json.put("r", config.rank());
    json.put("rank_pattern", config.rankPattern());
    json.put("task_type", "CAUSAL_LM");
    json.put("use_rslora", config.rankStabilized());
    json.put("base_model_name_or_path", orNull(config.baseModel()));
    json.put("exclude_modules", orNull(names(config.excludeModules(), base)));
    json.put("init_lora_weights", initName(config.init()));
    json.put("layers_pattern", orNull(config.layersPattern()));
    json.put("layers_to_transform", orNull(config.layersToTransform()));
    json.put("target_modules", names(config.targetModules(), base));
    return JSON.writer().with(printer()).writeValueAsString(json);
  }

  private static DefaultPrettyPrinter printer() {
    var separators =
        Separators.createDefaultInstance()
            .withObjectNameValueSpacing(Separators.Spacing.AFTER)
            .withObjectEmptySeparator("")
            .withArrayEmptySeparator("");
    var indenter = new DefaultIndenter("  ", "\n");
    return new DefaultPrettyPrinter(separators)
        .withArrayIndenter(indenter)
        .withObjectIndenter(indenter);
  }

  private static Object orNull(Object value) {
    boolean empty = value.equals("") || value.equals(List.of());
    return empty ? JSON.nullNode() : value;
  }

  private static Object initName(LoraConfig.Init init) {
    return switch (init) {
      case DEFAULT -> true;
      case NONZERO -> false;
      case GAUSSIAN -> "gaussian";
    };
  }

  private static Object names(ModuleFilter filter, BaseConfig base) {
    return switch (filter) {
      case ModuleFilter.Names(var names) -> names;
      case ModuleFilter.Regex(var regex) -> regex;
      case ModuleFilter.AllLinear() -> base.linearNames();
    };
  }

  private static Number plain(double number) {
    return number == Math.rint(number) ? (Number) (long) number : (Number) number;
  }
}
