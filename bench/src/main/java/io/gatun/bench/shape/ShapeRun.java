package io.gatun.bench.shape;

import io.gatun.bench.OptimizerStep;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.TrainPass;
import io.gatun.runtime.plan.MemoryPlan;
import io.gatun.runtime.train.TrainingPlan.Recompute;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Training steps on random weights: forward, loss, backward, clipping, AdamW.
 *
 * @param config the base
 * @param format of its linear layers
 * @param compute type of activations, embedding and head
 * @param adapter what is trained
 * @param rows of each step
 * @param recompute which blocks are computed again
 * @param decodedOnce whether a GPU decodes 4-bit weights once instead of for each product
 * @param warmup steps before those that are measured
 * @param steps how many are measured
 */
public record ShapeRun(
    DecoderConfig config,
    WeightFormat format,
    DType compute,
    LoraConfig adapter,
    Rows rows,
    Recompute recompute,
    boolean decodedOnce,
    int warmup,
    int steps) {
  private static final long SEED = 42;
  private static final double USABLE = 0.95; // a device has uses of its own for the rest

  /** Refuses what there is nothing of. */
  public ShapeRun {
    if (decodedOnce && format instanceof WeightFormat.Dense) {
      throw new IllegalArgumentException("only 4-bit weights are decoded once; take nf4");
    }
  }

  /**
   * The same run of the first blocks only.
   *
   * @param layers how many
   * @return a run of a smaller model
   */
  public ShapeRun withLayers(int layers) {
    return with(config.withLayers(layers), decodedOnce);
  }

  /**
   * The same run with 4-bit weights that are decoded once.
   *
   * @return a run that takes more memory, for a GPU
   */
  public ShapeRun withWeightsDecodedOnce() {
    return with(config, true);
  }

  /** The same run of another model. */
  ShapeRun with(DecoderConfig model, boolean once) {
    return new ShapeRun(model, format, compute, adapter, rows, recompute, once, warmup, steps);
  }

  /**
   * The memory that it takes.
   *
   * @param on the kind of device
   * @param keptBlocks how many blocks keep what backward needs
   * @return the plan
   */
  public MemoryPlan forecast(Device.Kind on, int keptBlocks) {
    int decoded = decodedOnce ? config.layers() : 0;
    return MemoryPlan.training(
        on, config, format, compute, adapter, rows.tokens(), keptBlocks, decoded);
  }

  /**
   * The useful arithmetic of a step.
   *
   * @return by part
   */
  public StepFlops flops() {
    return StepFlops.of(config, adapter, rows);
  }

  /**
   * Measures.
   *
   * @param device which holds nothing else of size
   * @param progress takes a line for each step
   * @return times and memory
   * @throws IllegalArgumentException if the device has no room for it
   */
  public StepTimes measure(Device device, Consumer<String> progress) {
    return measure(device, progress, false);
  }

  /**
   * Measures, and shows what the device was doing if that is asked for, which costs some time.
   *
   * @param device which holds nothing else of size
   * @param progress takes a line for each step
   * @param profiled whether a profile is taken of the measured steps
   * @return times and memory
   * @throws IllegalArgumentException if the device has no room for it
   */
  StepTimes measure(Device device, Consumer<String> progress, boolean profiled) {
    int kept = keptBlocks(device);
    long begin = System.nanoTime();
    try (var arena = Arena.ofShared()) {
      var decoder = Decoder.random(config, format, compute, SEED, device, arena);
      var lora = LoraAdapter.create(decoder, adapter, SEED, arena);
      var model = decodedOnce ? decoder.decoded(config.layers(), lora, arena) : decoder;
      var pass = TrainPass.allocate(model, lora, rows.tokens(), kept, arena);
      var optimizer = new OptimizerStep(lora.parameters(), arena);
      device.synchronize();
      double seconds = (System.nanoTime() - begin) / 1e9;
      progress.accept("%d layers of random weights in %.1f s".formatted(config.layers(), seconds));
      return steps(device, pass, optimizer, kept, progress, profiled);
    }
  }

  /** As many as fit, if that is left to us. */
  private int keptBlocks(Device device) {
    var memory = device.memory();
    long room = (long) ((memory.capacity() - memory.allocated()) * USABLE);
    int kept = recompute == Recompute.ON ? 0 : config.layers();
    while (recompute == Recompute.AUTO
        && kept > 0
        && forecast(device.kind(), kept).bytes() > room) {
      kept--;
    }
    long needed = forecast(device.kind(), kept).bytes();
    if (needed > room) {
      throw new IllegalArgumentException(
          "%d layers and %s tokens need %.2f GB, and %s has room for %.2f GB; take fewer --layers or --tokens%s"
              .formatted(
                  config.layers(),
                  rows,
                  needed / 1e9,
                  device,
                  room / 1e9,
                  recompute == Recompute.OFF ? ", or --recompute on" : ""));
    }
    return kept;
  }

  private StepTimes steps(
      Device device,
      TrainPass pass,
      OptimizerStep optimizer,
      int kept,
      Consumer<String> progress,
      boolean profiled) {
    var batch = rows.batch(config.vocabulary(), SEED);
    var millis = new ArrayList<Double>();
    var losses = new ArrayList<Double>();
    IntConsumer run =
        step -> {
          long begin = System.nanoTime();
          pass.gradients().zero();
          var loss = pass.run(batch, SEED, step);
          losses.add(optimizer.apply(pass.gradients().sum(), loss, step));
          device.synchronize();
          millis.add((System.nanoTime() - begin) / 1e6);
          progress.accept(line(step, losses.getLast(), millis.getLast()));
        };
    IntStream.rangeClosed(1, warmup).forEach(run);
    Runnable measured = () -> IntStream.rangeClosed(warmup + 1, warmup + steps).forEach(run);
    var profile = Optional.of(measured).filter(_ -> profiled).map(device::profile);
    if (!profiled) {
      measured.run();
    }
    var memory = device.memory();
    return new StepTimes(
        device.kind(),
        config.layers(),
        kept,
        millis.subList(warmup, millis.size()),
        losses,
        memory.peak(),
        memory.byName(),
        profile);
  }

  private String line(int step, double loss, double millis) {
    if (!Double.isFinite(loss)) {
      throw new IllegalStateException(
          "the loss of step %d is %s: a kernel computes wrong numbers".formatted(step, loss));
    }
    return "step %d/%d%s  loss %.4f  %.1f ms"
        .formatted(step, warmup + steps, step > warmup ? "" : " (warm-up)", loss, millis);
  }
}
