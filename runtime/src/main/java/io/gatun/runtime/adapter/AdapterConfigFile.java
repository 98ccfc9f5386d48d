package io.gatun.runtime.adapter;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.UnsupportedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * adapter_config.json, as PEFT 0.21 writes it (formats.md 4.2). Keys that Gatun does not know, or
 * does not support, pass where their value asks for nothing; otherwise they are refused by name.
 */
public final class AdapterConfigFile {
  static final String NAME = "adapter_config.json";

  private static final String GENERATION = "CAUSAL_LM";
  private static final String CLASSIFICATION = "SEQ_CLS";
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
          "modules_to_save",
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

  private AdapterConfigFile() {}

  /** The configuration in a folder, for a base of the given shape. */
  static LoraConfig read(Path folder, BaseConfig base) {
    var json = json(folder);
    try {
      return parse(json, base);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(folder.resolve(NAME), String.valueOf(e.getMessage()));
    }
  }

  /**
   * Whether an adapter is a classifier's.
   *
   * @param folder of the adapter
   * @param base files of its base, which decide where the adapter does not say
   * @return true if it classifies sequences, false if it generates text
   * @throws CheckpointException if there is no adapter
   */
  public static boolean classifies(Path folder, Checkpoint base) {
    String task = json(folder).path("task_type").stringValueOpt().orElse("");
    return task.isEmpty() ? ClassifierConfig.isClassifier(base) : task.equals(CLASSIFICATION);
  }

  private static JsonNode json(Path folder) {
    Path file = folder.resolve(NAME);
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(
          folder, "there is no " + NAME + "; an adapter is a folder that PEFT or Gatun wrote");
    }
    try {
      return JSON.readTree(Files.readString(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (JacksonException e) {
      throw new CheckpointException(file, "not JSON: " + e.getOriginalMessage());
    }
  }

  static LoraConfig parse(JsonNode json, BaseConfig base) {
    refuseUnsupported(json, base);
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
        json.path("base_model_name_or_path").stringValueOpt().orElse(""),
        modulesToSave(json));
  }

  /** PEFT adds the usual names of heads to those that a classifier's configuration has. */
  private static List<String> modulesToSave(JsonNode json) {
    var names = new LinkedHashSet<>(list(json.path("modules_to_save"), JsonNode::stringValue));
    if (json.path("task_type").stringValueOpt().orElse("").equals(CLASSIFICATION)) {
      names.addAll(ClassifierConfig.ALWAYS_TRAINED);
    }
    return List.copyOf(names);
  }

  /** What an adapter of a base is for. */
  static String task(BaseConfig base) {
    return base instanceof ClassifierConfig ? CLASSIFICATION : GENERATION;
  }

  private static void refuseUnsupported(JsonNode json, BaseConfig base) {
    var problems = new ArrayList<String>();
    String type = json.path("peft_type").asString("");
    if (!type.equals("LORA")) {
      problems.add("peft_type \"" + type + "\" is not supported, only LORA");
    }
    String task = json.path("task_type").stringValueOpt().orElse("");
    if (!List.of("", CLASSIFICATION, GENERATION).contains(task)) {
      problems.add(
          "task_type %s is not supported, only %s and %s"
              .formatted(task, GENERATION, CLASSIFICATION));
    } else if (!task.isEmpty() && !task.equals(task(base))) {
      problems.add(
          "the adapter is for the task %s, and the base is loaded for %s"
              .formatted(task, task(base)));
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
}
