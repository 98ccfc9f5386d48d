package io.gatun.quant.checkpoint;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The sizes of a BERT model, by its tensors.
 *
 * @param prefix what stands before {@code embeddings} and {@code encoder}: {@code bert.} or nothing
 * @param vocabulary rows of the word embedding
 * @param positions rows of the position embedding
 * @param types rows of the token type embedding
 * @param hidden features of the residual
 * @param layers number of blocks
 * @param feedForward inner features of the feed-forward part
 */
record BertShape(
    String prefix,
    int vocabulary,
    int positions,
    int types,
    int hidden,
    int layers,
    int feedForward) {
  private static final String WORDS = "embeddings.word_embeddings.weight";
  private static final String POSITIONS = "embeddings.position_embeddings.weight";
  private static final String TYPES = "embeddings.token_type_embeddings.weight";
  private static final String UP = "intermediate.dense";
  private static final List<String> ATTENTION =
      List.of(
          "attention.self.query",
          "attention.self.key",
          "attention.self.value",
          "attention.output.dense");

  /** The sizes; whatever is missing, too much or of another shape goes to the problems. */
  static BertShape of(Map<String, TensorSource> tensors, List<String> problems) {
    var prefix = tensors.containsKey("bert." + WORDS) ? "bert." : "";
    int layers = 0;
    while (tensors.containsKey(prefix + block(layers) + ATTENTION.getFirst() + ".bias")) {
      layers++;
    }
    var words = shape(tensors, prefix + WORDS);
    var shape =
        new BertShape(
            prefix,
            words.getFirst(),
            shape(tensors, prefix + POSITIONS).getFirst(),
            shape(tensors, prefix + TYPES).getFirst(),
            words.getLast(),
            layers,
            shape(tensors, prefix + block(0) + UP + ".weight").getFirst());
    if (layers == 0) {
      problems.add(
          "is no BERT model: it has no " + prefix + block(0) + ATTENTION.getFirst() + ".bias");
    } else {
      shape.check(tensors, problems);
    }
    return shape;
  }

  /** Dimensions of a tensor; zeros if it is absent, which the check reports. */
  private static List<Integer> shape(Map<String, TensorSource> tensors, String name) {
    var source = tensors.get(name);
    return source == null || source.info().shape().isEmpty()
        ? List.of(0, 0)
        : source.info().shape().stream().map(Long::intValue).toList();
  }

  private static String block(int layer) {
    return "encoder.layer." + layer + ".";
  }

  private void check(Map<String, TensorSource> tensors, List<String> problems) {
    var expected = expected();
    expected.forEach((name, shape) -> {
      if (!tensors.containsKey(name)) {
        problems.add("tensor " + name + " is missing, or used in an unknown way");
      } else if (shape.contains(0L)) {
        problems.add("tensor " + name + " is empty");
      } else if (!tensors.get(name).info().shape().equals(shape)) {
        problems.add(
            "tensor %s is %s, by the others it must be %s"
                .formatted(name, tensors.get(name).info().shape(), shape));
      }
    });
    tensors.keySet().stream()
        .filter(
            name -> name.startsWith(prefix + "embeddings.") || name.startsWith(prefix + "encoder."))
        .filter(name -> !expected.containsKey(name))
        .forEach(name -> problems.add("tensor " + name + " is not part of a BERT model"));
  }

  private Map<String, List<Long>> expected() {
    var shapes = new LinkedHashMap<String, List<Long>>();
    shapes.put(prefix + WORDS, List.of((long) vocabulary, (long) hidden));
    shapes.put(prefix + POSITIONS, List.of((long) positions, (long) hidden));
    shapes.put(prefix + TYPES, List.of((long) types, (long) hidden));
    for (var norm : norms()) {
      shapes.put(norm + ".weight", List.of((long) hidden));
      shapes.put(norm + ".bias", List.of((long) hidden));
    }
    for (int layer = 0; layer < layers; layer++) {
      for (var dense : ATTENTION) {
        put(shapes, prefix + block(layer) + dense, hidden, hidden);
      }
      put(shapes, up(layer), feedForward, hidden);
      put(shapes, prefix + block(layer) + "output.dense", hidden, feedForward);
    }
    return shapes;
  }

  private static void put(Map<String, List<Long>> shapes, String dense, long rows, long cols) {
    shapes.put(dense + ".weight", List.of(rows, cols));
    shapes.put(dense + ".bias", List.of(rows));
  }

  /** Module paths of all layer norms. */
  List<String> norms() {
    var norms = new ArrayList<>(List.of(prefix + "embeddings.LayerNorm"));
    for (int layer = 0; layer < layers; layer++) {
      norms.add(prefix + block(layer) + "attention.output.LayerNorm");
      norms.add(prefix + block(layer) + "output.LayerNorm");
    }
    return norms;
  }

  /** Module path of the queries of a block. */
  String query(int layer) {
    return prefix + block(layer) + ATTENTION.getFirst();
  }

  /** Module path of the way into the feed-forward part of a block. */
  String up(int layer) {
    return prefix + block(layer) + UP;
  }
}
