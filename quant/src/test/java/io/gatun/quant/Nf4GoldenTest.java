package io.gatun.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.cuda.CudaTests;
import io.gatun.kernels.ops.Nf4Dequantize;
import io.gatun.kernels.ops.Nf4Quantize;
import io.gatun.kernels.ops.Nf4Quantize.NestedCode;
import io.gatun.kernels.ops.Nf4Repack;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.Safetensors;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Quantized bytes and decoded values against those that bitsandbytes wrote. */
class Nf4GoldenTest {
  /** What bitsandbytes' CPU code writes as the scale of a short block of zeros; we write 0. */
  private static final float ZERO_TAIL = 1e-38f;

  @Test
  void bytesAndValuesAreThoseOfBitsandbytes() {
    bytesAndValues(Device::cpu);
  }

  @Test
  void onAGpuToo() {
    CudaTests.require();
    bytesAndValues(CudaTests::open);
  }

  private static void bytesAndValues(Supplier<Device> opened) {
    Golden.files("quant", "nf4_fp4.safetensors")
        .run(c -> {
          JsonNode cases = JsonMapper.shared().readTree(c.path().resolveSibling("nf4_fp4.json"));
          try (Device device = opened.get();
              Arena arena = Arena.ofShared()) {
            var file = Safetensors.open(c.path(), arena);
            for (var entry : cases.properties()) {
              new Vectors(device, file, entry.getKey(), entry.getValue()).check();
            }
          }
        });
  }

  /** One tensor, block size and code. */
  private record Vectors(Device device, Safetensors file, String key, JsonNode about) {
    void check() {
      var shape = new ArrayList<Integer>();
      about.get("shape").forEach(n -> shape.add(n.asInt()));
      int rows = shape.size() == 2 ? shape.getFirst() : 1;
      int cols = shape.getLast();
      for (Layout layout : Layout.values()) {
        if (layout.takes(cols, about.get("blocksize").asInt())) {
          try (Arena arena = Arena.ofConfined()) {
            check(rows, cols, layout, arena);
          }
        }
      }
    }

    private void check(int rows, int cols, Layout layout, Arena arena) {
      Code code = Code.valueOf(about.get("kind").asString().toUpperCase(Locale.ROOT));
      DType dtype =
          switch (about.get("dtype").asString()) {
            case "float16" -> DType.F16;
            case "bfloat16" -> DType.BF16;
            default -> DType.F32;
          };
      int blockSize = about.get("blocksize").asInt();
      Matrix x = Matrix.allocate(device, "x", DType.F32, rows, cols, arena);
      int dot = key.indexOf('.', key.indexOf('.') + 1);
      HostCopy.write(x, floats(key.substring(0, dot) + ".input", dtype, rows, cols, arena));
      boolean cuda = code == Code.FP4 && file.names().contains(key + ".packed_cuda_rules");
      byte[] packed = bytes(key + (cuda ? ".packed_cuda_rules" : ".packed"));
      for (boolean nested : new boolean[] {false, true}) {
        if (nested && !file.names().contains(key + ".dq.absmax_u8")) {
          continue;
        }
        Band band =
            Nf4Quantize.run(
                x, band(device, code, blockSize, rows, cols, dtype, layout, nested, arena));
        assertArrayEquals(packed, codes(band, arena), key);
        checkScales(band.scales());
        // The decoded values are those of the CPU rule's codes, which differ at ties of FP4.
        setCodes(band, bytes(key + ".packed"), arena);
        float[] expected =
            floats(key + (nested ? ".dq.dequant" : ".dequant"), dtype, rows, cols, arena);
        assertArrayEquals(expected, decoded(band, arena), key);
      }
    }

    private void checkScales(Scales scales) {
      switch (scales) {
        case Scales.Plain plain -> assertScales(key + ".absmax", numbers(plain.absmax()));
        case Scales.Nested nested -> {
          assertEquals(f32(key + ".dq.offset")[0], nested.offset(), key);
          assertScales(key + ".dq.nested_absmax", numbers(nested.absmax()));
          assertArrayEquals(bytes(key + ".dq.absmax_u8"), contents(nested.codes()), key);
        }
      }
    }

    private void setCodes(Band band, byte[] packed, Arena arena) {
      boolean nested = band.scales() instanceof Scales.Nested;
      Band stored =
          band(
              device,
              band.code(),
              band.blockSize(),
              band.rows(),
              band.cols(),
              band.recordedDtype(),
              Layout.FILE,
              nested,
              arena);
      device.upload(MemorySegment.ofArray(packed), stored.codes(), 0);
      Nf4Repack.run(stored, band);
    }

    private void assertScales(String name, float[] actual) {
      float[] expected = f32(name);
      for (int i = 0; i < expected.length; i++) {
        if (expected[i] == ZERO_TAIL) {
          expected[i] = 0;
        }
      }
      assertArrayEquals(expected, actual, name);
    }

    private byte[] bytes(String name) {
      return file.bytes(name).toArray(ValueLayout.JAVA_BYTE);
    }

    private float[] f32(String name) {
      return file.bytes(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    /** Negative zero becomes zero: the reference's decoders disagree about its sign. */
    private float[] floats(String name, DType dtype, int rows, int cols, Arena arena) {
      Matrix m = Matrix.allocate(device, "stored", dtype, rows, cols, arena);
      device.upload(file.bytes(name), m.buffer(), 0);
      return withoutNegativeZero(HostCopy.readFloats(m));
    }

    private float[] decoded(Band band, Arena arena) {
      Matrix y =
          Matrix.allocate(device, "y", band.recordedDtype(), band.rows(), band.cols(), arena);
      Nf4Dequantize.run(band, y);
      return withoutNegativeZero(HostCopy.readFloats(y));
    }
  }

  private static float[] withoutNegativeZero(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] += 0f;
    }
    return values;
  }

  private static Band band(
      Device device,
      Code code,
      int blockSize,
      int rows,
      int cols,
      DType recorded,
      Layout layout,
      boolean nested,
      Arena arena) {
    int blocks = Math.toIntExact(Math.ceilDiv((long) rows * cols, blockSize));
    Scales scales =
        nested
            ? new Scales.Nested(
                device.allocate("scale codes", blocks, arena),
                device.allocate("nested scales", Math.ceilDiv(blocks, 256) * 4L, arena),
                0)
            : new Scales.Plain(device.allocate("scales", blocks * 4L, arena));
    Buffer codes = device.allocate("codes", layout.bytes(rows, cols), arena);
    return new Band(code, blockSize, rows, cols, recorded, layout, codes, scales);
  }

  /** Codes in file order. */
  private static byte[] codes(Band band, Arena arena) {
    if (band.layout() == Layout.FILE) {
      return contents(band.codes());
    }
    Device device = band.codes().device();
    boolean nested = band.scales() instanceof Scales.Nested;
    Band file =
        band(
            device,
            band.code(),
            band.blockSize(),
            band.rows(),
            band.cols(),
            band.recordedDtype(),
            Layout.FILE,
            nested,
            arena);
    Nf4Repack.run(band, file);
    return contents(file.codes());
  }

  private static byte[] contents(Buffer buffer) {
    var bytes = new byte[Math.toIntExact(buffer.bytes())];
    buffer.device().download(buffer, 0, MemorySegment.ofArray(bytes));
    return bytes;
  }

  private static float[] numbers(Buffer buffer) {
    return MemorySegment.ofArray(contents(buffer)).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  /**
   * Every linear layer of a real model, from F32 and from the same rounded to BF16. These hashes
   * came from bitsandbytes' native CPU library, which chooses nested codes by 65536 bins.
   */
  @Test
  void hashesOfTheRealModelAreThoseOfBitsandbytes() {
    Path model = RealModel.file();
    Golden.files("smollm2", "nf4.json")
        .run(c -> {
          JsonNode layers = JsonMapper.shared().readTree(c.path());
          try (Device device = Device.cpu();
              Arena arena = Arena.ofShared()) {
            var checkpoint = Checkpoint.open(model, arena);
            for (var layer : layers.properties()) {
              checkLayer(device, checkpoint, layer.getKey() + ".weight", layer.getValue());
            }
          }
        });
  }

  private static void checkLayer(
      Device device, Checkpoint checkpoint, String name, JsonNode expected) {
    float[] values = checkpoint.readFloats(name);
    int rows = checkpoint.info(name).rows();
    int cols = checkpoint.info(name).cols();
    assertEquals(expected.get("sha256_fp32_source").asString(), sha256(values), name);
    for (DType source : List.of(DType.F32, DType.BF16)) {
      try (Arena arena = Arena.ofConfined()) {
        Matrix rounded = Matrix.allocate(device, "rounded", source, rows, cols, arena);
        HostCopy.write(rounded, values);
        Matrix x = Matrix.allocate(device, "x", DType.F32, rows, cols, arena);
        HostCopy.write(x, HostCopy.readFloats(rounded));
        Band empty = band(device, Code.NF4, 64, rows, cols, source, Layout.TILED, true, arena);
        Band band = Nf4Quantize.run(x, empty, NestedCode.BINNED);
        var scales = (Scales.Nested) band.scales();
        JsonNode e = expected.get(source == DType.F32 ? "fp32" : "bf16");
        assertEquals((float) e.get("offset").asDouble(), scales.offset(), name);
        assertEquals(e.get("packed").asString(), sha256(codes(band, arena)), name);
        assertEquals(e.get("nested_absmax").asString(), sha256(contents(scales.absmax())), name);
        assertEquals(e.get("absmax_u8").asString(), sha256(contents(scales.codes())), name);
      }
    }
  }

  private static String sha256(float[] values) {
    return sha256(MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE));
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
