package io.gatun.bench.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.Device;
import java.lang.foreign.Arena;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.node.JsonNodeFactory;

/** Every part runs on a device, gives figures that a file can hold, and leaves nothing behind. */
class PartTest {
  @ParameterizedTest
  @EnumSource
  void givesFigures(Part part) {
    try (Device device = Device.cpu()) {
      try (Arena arena = Arena.ofShared()) {
        var figures = part.run(new Bench(device, Bench.Scale.SMALL, arena));
        assertEquals(part.target(), figures.getFirst().target());
        assertFalse(figures.getFirst().measured().isEmpty());
        for (var figure : figures) {
          figure.value().ifPresent(v -> assertTrue(Double.isFinite(v) && v >= 0, figure.what()));
          var node = JsonNodeFactory.instance.objectNode();
          figure.write(node);
          assertEquals(figure, Figure.read(node));
        }
      }
      assertEquals(0, device.memory().allocated());
    }
  }
}
