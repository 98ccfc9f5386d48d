package io.gatun.runtime.adapter;

import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.runtime.model.Projection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The adapters of one pass: which rows use which, and in training where gradients go and what is
 * dropped.
 *
 * @param rows runs of rows; rows in none of them use the base alone
 * @param training what training adds; empty otherwise
 */
public record ActiveAdapters(List<Rows> rows, Optional<Training> training) {

  /** The base alone. */
  public static final ActiveAdapters NONE = new ActiveAdapters(List.of(), Optional.empty());

  /**
   * Consecutive rows that use one adapter.
   *
   * @param adapter the adapter
   * @param first the first row
   * @param count how many
   */
  public record Rows(LoraAdapter adapter, int first, int count) {}

  /**
   * What training adds. All rows then use one adapter.
   *
   * @param gradients of that adapter, added to
   * @param dropout probability that an input of A is dropped
   * @param seed of the run
   * @param step number of the optimizer step
   */
  public record Training(AdapterGradients gradients, float dropout, long seed, int step) {}

  /** Copies the list. */
  public ActiveAdapters {
    rows = List.copyOf(rows);
  }

  /**
   * One adapter for all rows.
   *
   * @param adapter the adapter
   * @param tokens number of rows
   * @return the adapter, outside training
   */
  public static ActiveAdapters of(LoraAdapter adapter, int tokens) {
    return new ActiveAdapters(List.of(new Rows(adapter, 0, tokens)), Optional.empty());
  }

  /**
   * One adapter in training.
   *
   * @param adapter the adapter
   * @param tokens number of rows
   * @param training gradients and dropout
   * @return the adapter
   */
  public static ActiveAdapters of(LoraAdapter adapter, int tokens, Training training) {
    return new ActiveAdapters(List.of(new Rows(adapter, 0, tokens)), Optional.of(training));
  }

  /**
   * The factors of one product.
   *
   * @param layer the block
   * @param projection the product
   * @return one entry for each run whose adapter adapts it
   */
  public List<LoraRows> factors(int layer, Projection projection) {
    return rows.stream()
        .flatMap(run ->
            run.adapter().factors(layer, projection).stream()
                .map(factors -> new LoraRows(run.first(), run.count(), factors)))
        .toList();
  }

  /**
   * The gradients of one product.
   *
   * @param layer the block
   * @param projection the product
   * @return as many entries as {@link #factors}; empty outside training
   */
  public List<LoraGradients> gradients(int layer, Projection projection) {
    return training.stream().flatMap(t -> t.gradients().of(layer, projection).stream()).toList();
  }

  /**
   * The first block with trainable parameters.
   *
   * @return where backward may stop
   */
  public int firstAdaptedBlock() {
    return layers().mapToInt(layer -> layer.linear().layer()).min().orElse(0);
  }

  private Stream<AdaptedLayer> layers() {
    return rows.stream().flatMap(run -> run.adapter().layers().stream());
  }
}
