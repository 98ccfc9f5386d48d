package io.gatun.bench.shape;

import io.gatun.kernels.Device;
import io.gatun.kernels.Profile;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;

/**
 * What was measured of a model's training steps.
 *
 * @param on the kind of device
 * @param layers blocks of the model
 * @param keptBlocks how many kept what backward needs
 * @param millis of each step, without those to warm up
 * @param losses of each step, those to warm up included
 * @param peak most bytes of the device that were live
 * @param byName live bytes by the name of the buffers
 * @param profile of the measured steps, where one was asked for
 */
public record StepTimes(
    Device.Kind on,
    int layers,
    int keptBlocks,
    List<Double> millis,
    List<Double> losses,
    long peak,
    SortedMap<String, Long> byName,
    Optional<Profile> profile) {

  /**
   * The median of the steps.
   *
   * @return milliseconds
   */
  public double median() {
    return median(millis.stream().mapToDouble(Double::doubleValue).toArray());
  }

  /**
   * The median of numbers.
   *
   * @param values at least one; left as they are
   * @return the middle one, or the mean of the two in the middle
   */
  public static double median(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  double fastest() {
    return Collections.min(millis);
  }

  double slowest() {
    return Collections.max(millis);
  }
}
