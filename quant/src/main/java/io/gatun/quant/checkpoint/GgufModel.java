package io.gatun.quant.checkpoint;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** A GGUF file as a {@link Checkpoint}: Hugging Face names, row order and norm weights. */
final class GgufModel {
  private static final Set<String> ARCHITECTURES =
      Set.of("llama", "qwen2", "qwen3", "gemma", "gemma2");
  private static final Pattern BLOCK =
      Pattern.compile("blk\\.(0|[1-9][0-9]{0,5})\\.([a-z_]+)\\.(weight|bias)");
  private static final Map<String, String> OUTSIDE =
      Map.of(
          "token_embd.weight", "model.embed_tokens.weight",
          "output_norm.weight", "model.norm.weight",
          "output.weight", "lm_head.weight");
  private static final Map<String, String> INSIDE =
      Map.ofEntries(
          Map.entry("attn_norm", "input_layernorm"),
          Map.entry("ffn_norm", "post_attention_layernorm"),
          Map.entry("attn_q", "self_attn.q_proj"),
          Map.entry("attn_k", "self_attn.k_proj"),
          Map.entry("attn_v", "self_attn.v_proj"),
          Map.entry("attn_output", "self_attn.o_proj"),
          Map.entry("attn_q_norm", "self_attn.q_norm"),
          Map.entry("attn_k_norm", "self_attn.k_norm"),
          Map.entry("ffn_gate", "mlp.gate_proj"),
          Map.entry("ffn_up", "mlp.up_proj"),
          Map.entry("ffn_down", "mlp.down_proj"));
  private static final Map<String, String> SANDWICH =
      Map.of(
          "ffn_norm", "pre_feedforward_layernorm",
          "post_attention_norm", "post_attention_layernorm",
          "post_ffw_norm", "post_feedforward_layernorm");

  private final Gguf file;
  private final String architecture;
  private final List<String> problems = new ArrayList<>();

  private GgufModel(Gguf file) {
    this.file = file;
    this.architecture = file.string("general.architecture").orElse("");
  }

  /** The whole model, or everything that is wrong with it. */
  static Checkpoint read(Gguf file) {
    return new GgufModel(file).checkpoint();
  }

  private Checkpoint checkpoint() {
    refuseOtherFiles();
    if (!problems.isEmpty()) {
      throw new CheckpointException(file.file(), problems);
    }
    Map<String, TensorSource> tensors = new LinkedHashMap<>();
    for (var name : file.names()) {
      var source = source(name, huggingFace(name));
      if (tensors.put(source.info().name(), source) != null) {
        problems.add("two tensors are " + source.info().name());
      }
    }
    var config = new GgufConfig(file, architecture, tensors.keySet(), problems).json();
    if (!problems.isEmpty()) {
      throw new CheckpointException(file.file(), problems);
    }
    return new Checkpoint(
        file.file(), tensors, Optional.of(config), new TokenizerSource.Metadata(file));
  }

  private void refuseOtherFiles() {
    if (file.string("general.type").orElse("model").equals("adapter")) {
      problems.add("is a LoRA adapter, not a model");
    } else if (!ARCHITECTURES.contains(architecture)) {
      problems.add(
          "has the architecture \"%s\"; %s are read"
              .formatted(
                  architecture, String.join(", ", ARCHITECTURES.stream().sorted().toList())));
    }
    if (file.integer("split.count").orElse(1) > 1) {
      problems.add("is one part of a split file; merge the parts with llama-gguf-split --merge");
    }
    if (file.integer(architecture + ".expert_count").orElse(0) > 0) {
      problems.add("is a mixture of experts, which is not read");
    }
  }

  private String huggingFace(String name) {
    var block = BLOCK.matcher(name);
    if (!block.matches()) {
      return OUTSIDE.getOrDefault(name, name);
    }
    var part = block.group(2);
    var module = INSIDE.get(part);
    if (architecture.equals("gemma2")) {
      module = SANDWICH.getOrDefault(part, module);
    }
    return module == null
        ? name
        : "model.layers.%s.%s.%s".formatted(block.group(1), module, block.group(3));
  }

  private TensorSource source(String stored, String name) {
    boolean gemmaNorm = architecture.startsWith("gemma") && stored.endsWith("_norm.weight");
    var decoder = file.decoder(stored, order(stored), gemmaNorm ? -1 : 0);
    var info = file.info(stored);
    return new TensorSource.Rows(
        new TensorInfo(name, info.dtype(), info.shape(), info.bytes()), decoder);
  }

  /** The rows of q and k of a llama lie in pairs; a bias is rows of one value. */
  private RowOrder order(String stored) {
    var block = BLOCK.matcher(stored);
    boolean paired =
        architecture.equals("llama")
            && block.matches()
            && (block.group(2).equals("attn_q") || block.group(2).equals("attn_k"));
    if (!paired) {
      return new RowOrder.Stored();
    }
    long queryHeads = file.integer("llama.attention.head_count").orElse(0);
    long heads =
        block.group(2).equals("attn_q")
            ? queryHeads
            : file.integer("llama.attention.head_count_kv").orElse(queryHeads);
    long rows = file.info(stored).shape().getFirst();
    if (heads <= 0 || rows % heads != 0 || rows / heads % 2 != 0) {
      problems.add("tensor %s has %d rows for %d heads".formatted(stored, rows, heads));
      return new RowOrder.Stored();
    }
    return new RowOrder.Paired((int) (rows / heads));
  }
}
