package io.gatun.bench.shape;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Shapes by name and from files, and rows as they are written. */
class ShapeTest {
  /** As their authors count them. */
  @Test
  void knownShapesHaveTheParametersOfTheirModels() {
    assertEquals(134_515_008, Shape.of("smollm2-135m").config().parameters());
    assertEquals(361_821_120, Shape.of("smollm2-360m").config().parameters());
    assertEquals(1_711_376_384, Shape.of("smollm2-1.7b").config().parameters());
    assertEquals(1_235_814_400, Shape.of("llama-1b").config().parameters());
    assertEquals(3_212_749_824L, Shape.of("llama-3b").config().parameters());
    assertEquals(8_030_261_248L, Shape.of("llama-8b").config().parameters());
    assertEquals(70_553_706_496L, Shape.of("llama-70b").config().parameters());
    assertEquals(7, Shape.names().split(", ").length);
  }

  @Test
  void anUnknownShapeIsRefusedWithTheKnownOnes() {
    var e = assertThrows(IllegalArgumentException.class, () -> Shape.of("llama-9b"));
    assertTrue(e.getMessage().contains("llama-8b, llama-70b"), e.getMessage());
  }

  @Test
  void aFileThatIsNoJsonIsRefused(@TempDir Path folder) throws IOException {
    var file = Files.writeString(folder.resolve("config.json"), "{\"hidden_size\": ");
    var e = assertThrows(IllegalArgumentException.class, () -> Shape.of(file.toString()));
    assertTrue(e.getMessage().startsWith(file + " is not JSON"), e.getMessage());
  }

  @Test
  void rowsAreReadAsTheyAreWritten() {
    assertEquals(new Rows(4, 2048), Rows.parse("4x2048"));
    assertEquals(new Rows(1, 8192), Rows.parse("8192"));
    for (var bad : new String[] {"", "4x", "x8", "4x2x8", "0x8", "4x1", "-4x8", "99999x99999"}) {
      assertThrows(IllegalArgumentException.class, () -> Rows.parse(bad), bad);
    }
  }

  @Test
  void allButTheFirstTokenOfARowAreLearned() {
    var batch = new Rows(3, 5).batch(50, 1);
    assertEquals(15, batch.tokens());
    assertEquals(12, batch.labelRows().length);
    assertEquals(3, batch.segments().size());
  }
}
