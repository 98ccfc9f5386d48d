package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class OptimizerTest {
  @Test
  void clippingScalesTheWholeGradient() {
    float[] gradient = {3, -4, 0, 12};
    double norm = 13;
    for (double max : new double[] {0, 1, 20}) {
      double scale = max == 0 ? 1 : Math.min(1, max / (norm + 1e-6));
      // With beta1 = beta2 = 0 and a large epsilon, a step is nearly -rate · gradient / epsilon.
      double epsilon = 1e6;
      var settings = new Optimizer.Settings(0, 0, epsilon, 0, max);
      try (var device = Device.cpu();
          var arena = Arena.ofConfined()) {
        var parameters = Matrix.allocate(device, "parameters", DType.F32, 1, 4, arena);
        var gradients = Matrix.allocate(device, "gradients", DType.F32, 1, 4, arena);
        HostCopy.write(gradients, gradient);
        var optimizer = new Optimizer(settings, parameters, gradients, arena);
        assertEquals(norm, optimizer.gradientNorm(), Golden.tolerance("clip"));
        optimizer.step(epsilon, norm);
        float[] moved = HostCopy.readFloats(parameters);
        for (int i = 0; i < gradient.length; i++) {
          double g = gradient[i] * scale;
          double expected = -epsilon * g / (Math.abs(g) + epsilon);
          assertEquals(expected, moved[i], 12 * Golden.tolerance("clip"), "max " + max);
        }
      }
    }
  }

  @Test
  void settingsOutsideTheirRangesAreRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new Optimizer.Settings(0.9, 0.999, 1e-8, -1, 1));
    assertThrows(IllegalArgumentException.class, () -> new Optimizer.Settings(0.9, 0.999, 0, 0, 1));
  }
}
