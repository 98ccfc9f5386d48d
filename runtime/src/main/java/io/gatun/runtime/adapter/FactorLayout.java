package io.gatun.runtime.adapter;

import io.gatun.kernels.Matrix;
import io.gatun.runtime.model.HeadLayer;
import io.gatun.runtime.model.Projection;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Where each A and B lies in one flat row of floats. Parameters, gradients and both moments of the
 * optimizer share this layout. For each product of each block: the A of its adapted siblings one
 * below the other, then each B. Layers that are trained whole follow, each with its bias behind it.
 */
final class FactorLayout {
  /** Matrices begin at multiples of this many floats, a cache line. */
  private static final int ALIGNMENT = 16;

  /**
   * One sibling.
   *
   * @param layer the adapted layer
   * @param firstRank its first row in the stacked A
   * @param b floats before its B
   */
  record Member(AdaptedLayer layer, int firstRank, long b) {}

  /**
   * One product of one block.
   *
   * @param a floats before the stacked A
   * @param rank rows of the stacked A
   * @param cols columns of A
   * @param members adapted siblings
   */
  record Group(long a, int rank, int cols, List<Member> members) {

    /** The stacked A (rank, cols) inside a flat row. */
    Matrix stackedA(Matrix flat) {
      return view(flat, a, rank, cols);
    }

    /** A (rank, cols) of one sibling. */
    Matrix a(Matrix flat, Member member) {
      return stackedA(flat).rowSlice(member.firstRank(), member.layer().rank());
    }

    /** B (rows, rank) of one sibling. */
    Matrix b(Matrix flat, Member member) {
      return view(flat, member.b(), member.layer().linear().rows(), member.layer().rank());
    }
  }

  private static Matrix view(Matrix flat, long floats, int rows, int cols) {
    long offset = flat.offset() + floats * flat.dtype().bytes();
    return Matrix.of(flat.buffer(), offset, flat.dtype(), rows, cols);
  }

  /**
   * A layer that is trained whole.
   *
   * @param weight floats before its weight
   * @param bias floats before its bias
   */
  private record Whole(long weight, long bias) {}

  private final Map<Integer, Map<Projection, Group>> groups = new TreeMap<>();
  private final Map<String, Whole> whole = new HashMap<>(); // by path
  private final int floats;

  /**
   * Lays out layers.
   *
   * @param layers adapted layers in the order of the model
   * @param trained layers that are trained whole
   */
  FactorLayout(List<AdaptedLayer> layers, List<HeadLayer> trained) {
    long next = 0;
    for (int i = 0; i < layers.size(); ) {
      int end = i;
      while (end < layers.size() && siblings(layers.get(i), layers.get(end))) {
        end++;
      }
      next = add(layers.subList(i, end), next);
      i = end;
    }
    for (var layer : trained) {
      long bias = aligned(next + (long) layer.outputs() * layer.inputs());
      whole.put(layer.path(), new Whole(next, bias));
      next = layer.biased() ? aligned(bias + layer.outputs()) : bias;
    }
    this.floats = Math.toIntExact(next);
  }

  private static boolean siblings(AdaptedLayer a, AdaptedLayer b) {
    return a.linear().layer() == b.linear().layer()
        && a.linear().projection() == b.linear().projection();
  }

  private long add(List<AdaptedLayer> siblings, long start) {
    var linear = siblings.getFirst().linear();
    int rank = siblings.stream().mapToInt(AdaptedLayer::rank).sum();
    long next = aligned(start + (long) rank * linear.cols());
    int firstRank = 0;
    var members = new ArrayList<Member>();
    for (var sibling : siblings) {
      members.add(new Member(sibling, firstRank, next));
      firstRank += sibling.rank();
      next = aligned(next + (long) sibling.linear().rows() * sibling.rank());
    }
    groups
        .computeIfAbsent(linear.layer(), _ -> new EnumMap<>(Projection.class))
        .put(linear.projection(), new Group(start, rank, linear.cols(), List.copyOf(members)));
    return next;
  }

  private static long aligned(long floats) {
    return Math.ceilDiv(floats, ALIGNMENT) * ALIGNMENT;
  }

  /** Length of the flat row, gaps included; gaps stay zero. */
  int floats() {
    return floats;
  }

  /** The adapted siblings of one product. */
  Optional<Group> group(int layer, Projection projection) {
    return Optional.ofNullable(groups.getOrDefault(layer, Map.of()).get(projection));
  }

  /** Rows of the stacked A of a product, the largest over all blocks; 0 if it is not adapted. */
  int maxRank(Projection projection) {
    return groups.values().stream()
        .flatMap(products -> Stream.ofNullable(products.get(projection)))
        .mapToInt(Group::rank)
        .max()
        .orElse(0);
  }

  /** A (rank, in) of one layer. */
  Matrix a(Matrix flat, AdaptedLayer layer) {
    var group = group(layer);
    return group.a(flat, member(group, layer));
  }

  /** B (out, rank) of one layer. */
  Matrix b(Matrix flat, AdaptedLayer layer) {
    var group = group(layer);
    return group.b(flat, member(group, layer));
  }

  private Group group(AdaptedLayer layer) {
    return group(layer.linear().layer(), layer.linear().projection()).orElseThrow();
  }

  private static Member member(Group group, AdaptedLayer layer) {
    return group.members().stream().filter(m -> m.layer().equals(layer)).findFirst().orElseThrow();
  }

  /** Whether a layer is trained whole. */
  boolean holds(HeadLayer layer) {
    return whole.containsKey(layer.path());
  }

  /** W (outputs, inputs) of a layer that is trained whole. */
  Matrix weight(Matrix flat, HeadLayer layer) {
    return view(flat, of(layer).weight(), layer.outputs(), layer.inputs());
  }

  /** b (1, outputs) of a layer that is trained whole, if it has one. */
  Optional<Matrix> bias(Matrix flat, HeadLayer layer) {
    return layer.biased()
        ? Optional.of(view(flat, of(layer).bias(), 1, layer.outputs()))
        : Optional.empty();
  }

  private Whole of(HeadLayer layer) {
    return Optional.ofNullable(whole.get(layer.path()))
        .orElseThrow(
            () -> new IllegalArgumentException(layer.path() + " is not trained by this adapter"));
  }

  /** All products, block by block. */
  List<Group> groups() {
    return groups.values().stream().flatMap(m -> m.values().stream()).toList();
  }
}
