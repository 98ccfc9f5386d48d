package io.gatun.runtime.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.UnsupportedException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.ObjectMapper;

class AdapterConfigFileTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final BaseConfig MODEL = ModuleSelectionTest.MODEL;

  private static LoraConfig parse(String json) {
    return AdapterConfigFile.parse(JSON.readTree("{\"peft_type\": \"LORA\", " + json + "}"), MODEL);
  }

  private static String refusal(String json) {
    return assertThrows(UnsupportedException.class, () -> parse(json)).getMessage();
  }

  @Test
  void writesWhatPeftWrites() throws IOException {
    String peft = Files.readString(Golden.file("peft/llama_lora/adapter_config.json"));
    String ours = AdapterConfigText.of(AdapterConfigFile.parse(JSON.readTree(peft), MODEL), MODEL);
    assertEquals(peft, ours);
  }

  @Test
  void writtenIsReadBack() {
    var config =
        new LoraConfig(
            4,
            8.5,
            0.05f,
            new ModuleFilter.Names(List.of("q_proj", "v_proj")),
            new ModuleFilter.Regex(".*layers\\.0\\..*"),
            true,
            List.of(1, 2),
            List.of("layers"),
            Map.of("q_proj", 2),
            Map.of("v_proj", 16.0),
            LoraConfig.Init.GAUSSIAN,
            "some/model",
            List.of());
    String text = AdapterConfigText.of(config, MODEL);
    assertEquals(config, AdapterConfigFile.parse(JSON.readTree(text), MODEL));
    assertTrue(text.contains("\"lora_dropout\": 0.05,"), text);
  }

  @Test
  void allLinearIsWrittenAsNames() {
    String text = AdapterConfigText.of(LoraConfig.defaults(), MODEL);
    assertEquals(
        ModuleFilter.names(
            "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        AdapterConfigFile.parse(JSON.readTree(text), MODEL).targetModules());
  }

  @Test
  void unknownKeysPassWhereTheyAskForNothing() {
    var config = parse("\"new_thing\": null, \"new_list\": [], \"new_flag\": false");
    assertEquals(8, config.rank());
    assertTrue(refusal("\"new_thing\": 3").contains("new_thing = 3 is not supported yet"));
  }

  @Test
  void refusesByName() {
    assertTrue(refusal("\"use_dora\": true").contains("use_dora"));
    assertTrue(refusal("\"lora_bias\": true").contains("lora_bias"));
    assertTrue(refusal("\"bias\": \"all\"").contains("bias = \"all\""));
    assertTrue(refusal("\"layer_replication\": [[0, 2]]").contains("layer_replication"));
    assertTrue(refusal("\"target_parameters\": [\"x\"]").contains("target_parameters"));
    assertTrue(refusal("\"fan_in_fan_out\": true").contains("fan_in_fan_out"));
    assertTrue(refusal("\"trainable_token_indices\": [1]").contains("trainable_token_indices"));
    assertTrue(refusal("\"init_lora_weights\": \"pissa\"").contains("may change the base"));
    assertTrue(refusal("\"task_type\": \"SEQ_CLS\"").contains("loaded for CAUSAL_LM"));
    assertTrue(refusal("\"task_type\": \"TOKEN_CLS\"").contains("TOKEN_CLS is not supported"));
    var ia3 = JSON.readTree("{\"peft_type\": \"IA3\"}");
    assertThrows(UnsupportedException.class, () -> AdapterConfigFile.parse(ia3, MODEL));
  }

  @Test
  void aFolderWithoutConfigIsNoAdapter(@TempDir Path folder) throws IOException {
    assertThrows(CheckpointException.class, () -> AdapterConfigFile.read(folder, MODEL));
    Files.writeString(folder.resolve(AdapterConfigFile.NAME), "{");
    assertThrows(CheckpointException.class, () -> AdapterConfigFile.read(folder, MODEL));
    Files.writeString(
        folder.resolve(AdapterConfigFile.NAME), "{\"peft_type\": \"LORA\", \"r\": 0}");
    var wrong =
        assertThrows(CheckpointException.class, () -> AdapterConfigFile.read(folder, MODEL));
    assertTrue(wrong.getMessage().contains("rank is 0"), wrong.getMessage());
  }
}
