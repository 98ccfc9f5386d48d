package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class CodeTablesTest {
  @Test
  void everyTableHasTheReferencesBits() {
    Golden.files("quant", "code_maps.safetensors")
        .run(c -> {
          try (var arena = Arena.ofConfined()) {
            var file = Safetensors.open(c.path(), arena);
            same(EncodingTest.floats(file, "nf4"), CodeTables.of(Code.NF4));
            same(EncodingTest.floats(file, "fp4"), CodeTables.of(Code.FP4));
            same(EncodingTest.floats(file, "dynamic_signed"), CodeTables.signedDynamic());
          }
        });
  }

  private static void same(float[] expected, float[] actual) {
    assertTrue(CodeTables.sameBits(expected, actual));
  }
}
