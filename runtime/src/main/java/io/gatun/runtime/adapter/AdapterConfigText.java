package io.gatun.runtime.adapter;

import io.gatun.runtime.model.BaseConfig;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.ObjectMapper;

/** The text of adapter_config.json, as PEFT 0.21 writes it (formats.md 4.2). */
final class AdapterConfigText {
  private static final String WRITER = "0.21.0";
  private static final ObjectMapper JSON = new ObjectMapper();

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
          "monteclora_config",
          "revision",
          "target_parameters",
          "trainable_token_indices",
          "use_bdlora",
          "velora_config");

  private static final List<String> FALSES =
      List.of("ensure_weight_tying", "fan_in_fan_out", "lora_bias", "use_dora", "use_qalora");

  private AdapterConfigText() {}

  /** Indented by 2, keys sorted, no newline at the end. */
  static String of(LoraConfig config, BaseConfig base) {
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
    json.put("task_type", AdapterConfigFile.task(base));
    json.put("use_rslora", config.rankStabilized());
    json.put("base_model_name_or_path", orNull(config.baseModel()));
    json.put("exclude_modules", orNull(names(config.excludeModules(), base)));
    json.put("init_lora_weights", initName(config.init()));
    json.put("layers_pattern", orNull(config.layersPattern()));
    json.put("layers_to_transform", orNull(config.layersToTransform()));
    json.put("modules_to_save", orNull(config.modulesToSave()));
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
