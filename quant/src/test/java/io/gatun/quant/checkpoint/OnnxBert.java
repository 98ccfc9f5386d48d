package io.gatun.quant.checkpoint;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a BERT checkpoint as an ONNX file in the two ways in which exporters do: operation by
 * operation, dense weights turned over and numbered; or with layer norms and GELU as one operation
 * each, heads by their size, and weights that the graph turns over.
 */
public final class OnnxBert {
  private final Checkpoint model;
  private final boolean traced;
  private final String wrapper;
  private final OnnxBytes out = new OnnxBytes();
  private final Map<Vector, String> vectors = new HashMap<>();
  private int matrices;

  private record Vector(List<Long> shape, int hash) {}

  private OnnxBert(Checkpoint model, boolean traced, String wrapper) {
    this.model = model;
    this.traced = traced;
    this.wrapper = wrapper;
  }

  /**
   * The file of a model.
   *
   * @param traced whether operation by operation
   * @param wrapper before every name
   */
  public static byte[] of(Checkpoint model, boolean traced, String wrapper) {
    return new OnnxBert(model, traced, wrapper).write().toArray();
  }

  /** The same, for a test that adds to it. */
  static OnnxBytes unfinished(Checkpoint model) {
    return new OnnxBert(model, true, "").write();
  }

  private OnnxBytes write() {
    var config = model.config();
    var bert = model.names().contains("bert.embeddings.LayerNorm.weight") ? "bert." : "";
    var ids = List.of("input_ids", "token_type_ids", "position_ids");
    var sum = "";
    for (int i = 0; i < ids.size(); i++) {
      var table = List.of("word", "token_type", "position").get(i);
      var name = bert + "embeddings." + table + "_embeddings.weight";
      store(wrapper + name, name);
      var part = out.node("Gather", List.of(wrapper + name, ids.get(i)));
      sum = i == 0 ? part : out.node("Add", List.of(sum, part));
    }
    var x = norm(bert + "embeddings.LayerNorm", sum);
    for (int layer = 0; layer < config.path("num_hidden_layers").asInt(); layer++) {
      x = block(bert + "encoder.layer." + layer + ".", x);
    }
    if (model.names().contains(bert + "pooler.dense.weight")) {
      var first = out.node("Gather", List.of(x, out.constant(0)));
      x = out.node("Tanh", List.of(gemm(bert + "pooler.dense", first)));
    }
    if (model.names().contains("classifier.weight")) {
      gemm("classifier", x);
    }
    return out;
  }

  private String block(String block, String x) {
    var query = heads(dense(block + "attention.self.query", x));
    var key = out.node("Transpose", List.of(heads(dense(block + "attention.self.key", x))));
    var value = heads(dense(block + "attention.self.value", x));
    var scores = out.node("Softmax", List.of(out.node("MatMul", List.of(query, key))));
    var read = out.node("MatMul", List.of(scores, value));
    var joined = out.node("Reshape", List.of(read, out.constant(0, 0, hidden())));
    var attended = dense(block + "attention.output.dense", joined);
    var middle = norm(block + "attention.output.LayerNorm", out.node("Add", List.of(attended, x)));
    var inner = activation(dense(block + "intermediate.dense", middle));
    var output = dense(block + "output.dense", inner);
    return norm(block + "output.LayerNorm", out.node("Add", List.of(output, middle)));
  }

  private long hidden() {
    return model.config().path("hidden_size").asLong();
  }

  /** As many heads as there are, or as many as have their size. */
  private String heads(String x) {
    long heads = model.config().path("num_attention_heads").asLong();
    long size = hidden() / heads;
    if (!traced) {
      return out.node("Reshape", List.of(x, out.constant(0, 0, -1, size)));
    }
    var batch = out.node("Shape", List.of(x));
    var shape = out.node("Concat", List.of(batch, batch, out.constant(heads), out.constant(size)));
    return out.node("Reshape", List.of(x, shape));
  }

  private String dense(String module, String x) {
    var matrix = wrapper + module + ".weight";
    if (traced) {
      matrix = "onnx::MatMul_" + matrices++;
      storeTurned(matrix, module + ".weight");
    } else {
      store(matrix, module + ".weight");
      matrix = out.node("Transpose", List.of(matrix));
    }
    store(wrapper + module + ".bias", module + ".bias");
    var product = out.node("MatMul", List.of(x, matrix));
    var bias = wrapper + module + ".bias";
    return out.node("Add", traced ? List.of(bias, product) : List.of(product, bias));
  }

  private String gemm(String module, String x) {
    store(wrapper + module + ".weight", module + ".weight");
    store(wrapper + module + ".bias", module + ".bias");
    var turned = new ProtoBytes().text(1, "transB").integer(3, 1);
    return out.node(
        "Gemm", List.of(x, wrapper + module + ".weight", wrapper + module + ".bias"), turned);
  }

  private String norm(String module, String x) {
    store(wrapper + module + ".weight", module + ".weight");
    store(wrapper + module + ".bias", module + ".bias");
    var weight = wrapper + module + ".weight";
    var bias = wrapper + module + ".bias";
    float epsilon = (float) model.config().path("layer_norm_eps").asDouble();
    if (!traced) {
      var attribute = new ProtoBytes().text(1, "epsilon").real(2, epsilon);
      return out.node("LayerNormalization", List.of(x, weight, bias), attribute);
    }
    var centered = out.node("Sub", List.of(x, out.node("ReduceMean", List.of(x))));
    var squares = out.node("Pow", List.of(centered, out.scalar(2)));
    var variance = out.node("ReduceMean", List.of(squares));
    var sum = out.node("Add", List.of(variance, out.scalar(epsilon)));
    var scaled = out.node("Div", List.of(centered, out.node("Sqrt", List.of(sum))));
    return out.node("Add", List.of(out.node("Mul", List.of(scaled, weight)), bias));
  }

  private String activation(String x) {
    var name = model.config().path("hidden_act").asString();
    var operator = Map.of("gelu", "Erf", "gelu_new", "Tanh", "relu", "Relu").get(name);
    if (!traced && name.startsWith("gelu")) {
      var how = name.equals("gelu") ? "none" : "tanh";
      return out.node("Gelu", List.of(x), new ProtoBytes().text(1, "approximate").text(4, how));
    }
    var inner = out.node(operator, List.of(out.node("Mul", List.of(x, out.scalar(0.5f)))));
    return out.node("Mul", List.of(x, out.node("Add", List.of(inner, out.scalar(1)))));
  }

  private void store(String as, String name) {
    var values = model.readFloats(name);
    var shape = model.info(name).shape();
    var key = new Vector(shape, Arrays.hashCode(values));
    if (traced && shape.size() == 1 && vectors.containsKey(key)) {
      out.node("Identity", List.of(vectors.get(key)), as); // equal vectors are stored once
    } else {
      vectors.put(key, as);
      out.store(as, shape, values);
    }
  }

  private void storeTurned(String as, String name) {
    var values = model.readFloats(name);
    int rows = model.info(name).rows();
    int cols = model.info(name).cols();
    var turned = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      turned[i % cols * rows + i / cols] = values[i];
    }
    out.store(as, List.of((long) cols, (long) rows), turned);
  }
}
