package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.quant.Golden;
import io.gatun.quant.checkpoint.Checkpoint;
import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class OptimizerTest {
  /** Parameters and gradients of so many numbers, and the optimizer over them. */
  private static final class Fixture implements AutoCloseable {
    final Device device = Device.cpu();
    final Arena arena = Arena.ofConfined();
    final Matrix parameters;
    final Matrix gradients;
    final Optimizer optimizer;

    Fixture(int numbers, Optimizer.Settings settings) {
      parameters = Matrix.allocate(device, "parameters", DType.F32, 1, numbers, arena);
      gradients = Matrix.allocate(device, "gradients", DType.F32, 1, numbers, arena);
      optimizer = new Optimizer(settings, parameters, gradients, arena);
    }

    @Override
    public void close() {
      arena.close();
      device.close();
    }
  }

  @Test
  void stepsAreThoseOfTorch() {
    Golden.files("optim", "adamw.safetensors")
        .run(file -> {
          JsonNode meta = new ObjectMapper().readTree(file.resolve("optim/meta.json").toFile());
          try (var arena = Arena.ofConfined()) {
            var golden = Checkpoint.open(file.path(), arena);
            var cases =
                golden.names().stream()
                    .filter(name -> name.endsWith(".trace"))
                    .map(name -> name.substring(0, name.length() - 6))
                    .toList();
            assertTrue(cases.size() >= 3);
            cases.forEach(name -> follow(golden, name, meta.get(name)));
          }
        });
  }

  private static void follow(Checkpoint golden, String name, JsonNode numbers) {
    float[] start = golden.readFloats(name + ".p0");
    float[] gradients = golden.readFloats(name + ".grads");
    float[] trace = golden.readFloats(name + ".trace");
    var settings =
        new Optimizer.Settings(
            numbers.path("betas").path(0).asDouble(0.9),
            numbers.path("betas").path(1).asDouble(0.999),
            numbers.path("eps").asDouble(1e-8),
            numbers.get("weight_decay").asDouble(),
            0);
    int n = start.length;
    try (var fixture = new Fixture(n, settings)) {
      HostCopy.write(fixture.parameters, start);
      for (int step = 0; step < trace.length / n; step++) {
        HostCopy.write(fixture.gradients, Arrays.copyOfRange(gradients, step * n, (step + 1) * n));
        fixture.optimizer.step(numbers.get("lr").asDouble(), 1, 1);
        float[] moved = HostCopy.readFloats(fixture.parameters);
        for (int i = 0; i < n; i++) {
          assertEquals(
              trace[step * n + i], moved[i], Golden.tolerance("adamw"), name + " step " + step);
        }
      }
    }
  }

  @Test
  void clippingIsThatOfTorch() {
    Golden.files("optim", "clip.safetensors")
        .run(file -> {
          try (var arena = Arena.ofConfined()) {
            var golden = Checkpoint.open(file.path(), arena);
            float[] gradient = join(golden.readFloats("g1"), golden.readFloats("g2"));
            float[] clipped = join(golden.readFloats("c1"), golden.readFloats("c2"));
            float norm = golden.readFloats("norm")[0];
            compareClipped(gradient, norm, clipped);
          }
        });
  }

  /**
   * With both betas 0, a step of rate e moves a parameter by e · g / (|g| + e), which for a large e
   * is the clipped gradient g itself.
   */
  private static void compareClipped(float[] gradient, float norm, float[] clipped) {
    double large = 0x1p40;
    double weight = 8;
    try (var fixture = new Fixture(gradient.length, new Optimizer.Settings(0, 0, large, 0, 1))) {
      float[] summed = new float[gradient.length];
      for (int i = 0; i < summed.length; i++) {
        summed[i] = (float) (gradient[i] * weight);
      }
      HostCopy.write(fixture.gradients, summed);
      double measured = fixture.optimizer.gradientNorm(weight);
      assertEquals(norm, measured, norm * Golden.tolerance("clip"));
      fixture.optimizer.step(large, measured, weight);
      float[] moved = HostCopy.readFloats(fixture.parameters);
      for (int i = 0; i < clipped.length; i++) {
        assertEquals(clipped[i], -moved[i], Golden.tolerance("clip"));
      }
    }
  }

  private static float[] join(float[] a, float[] b) {
    float[] joined = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, joined, a.length, b.length);
    return joined;
  }

  @Test
  void settingsOutsideTheirRangesAreRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new Optimizer.Settings(0.9, 0.999, 1e-8, -1, 1));
    assertThrows(IllegalArgumentException.class, () -> new Optimizer.Settings(0.9, 0.999, 0, 0, 1));
  }
}
