package io.gatun.runtime.adapter;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.runtime.model.HeadLayer;
import io.gatun.runtime.model.Projection;
import java.lang.foreign.Arena;
import java.util.Optional;

/**
 * Gradients of an adapter's parameters: one flat row laid out like the parameters, to which passes
 * add.
 */
public final class AdapterGradients {
  private final LoraAdapter adapter;
  private final Matrix sum;

  private AdapterGradients(LoraAdapter adapter, Matrix sum) {
    this.adapter = adapter;
    this.sum = sum;
  }

  /**
   * Zero gradients.
   *
   * @param adapter whose
   * @param arena owns them
   * @return gradients
   */
  public static AdapterGradients allocate(LoraAdapter adapter, Arena arena) {
    var parameters = adapter.parameters();
    var device = parameters.buffer().device();
    return new AdapterGradients(
        adapter,
        Matrix.allocate(device, "adapter.gradients", DType.F32, 1, parameters.cols(), arena));
  }

  /**
   * All gradients.
   *
   * @return (1, floats) F32, laid out like the parameters; gaps are zero
   */
  public Matrix sum() {
    return sum;
  }

  /** Sets all gradients to zero. */
  public void zero() {
    sum.buffer().device().zero(sum.buffer());
  }

  /**
   * Gradient of A of one layer.
   *
   * @param layer an adapted layer of the adapter
   * @return (rank, in) F32
   */
  public Matrix a(AdaptedLayer layer) {
    return adapter.layout().a(sum, layer);
  }

  /**
   * Gradient of B of one layer.
   *
   * @param layer an adapted layer of the adapter
   * @return (out, rank) F32
   */
  public Matrix b(AdaptedLayer layer) {
    return adapter.layout().b(sum, layer);
  }

  /**
   * Gradient of the weight of a layer that the adapter holds whole.
   *
   * @param layer one of the adapter's
   * @return (outputs, inputs) F32
   */
  public Matrix weight(HeadLayer layer) {
    return adapter.layout().weight(sum, layer);
  }

  /**
   * Gradient of the bias of a layer that the adapter holds whole.
   *
   * @param layer one of the adapter's
   * @return (1, outputs) F32, if it has a bias
   */
  public Optional<Matrix> bias(HeadLayer layer) {
    return adapter.layout().bias(sum, layer);
  }

  /**
   * The gradients of one product, as the ops take them.
   *
   * @param layer the block
   * @param projection the product
   * @return views; empty if no sibling is adapted
   */
  public Optional<LoraGradients> of(int layer, Projection projection) {
    return adapter
        .layout()
        .group(layer, projection)
        .map(group ->
            new LoraGradients(
                group.stackedA(sum), group.members().stream().map(m -> group.b(sum, m)).toList()));
  }
}
