package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

class SafetensorsWriterTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path folder;

  private static TensorData bytes(String name, TensorType type, List<Long> shape) {
    long bits = shape.stream().reduce((long) type.bits(), (a, b) -> a * b);
    var content = new byte[(int) (bits / 8)];
    new Random(name.hashCode()).nextBytes(content);
    return TensorData.of(name, type, shape, MemorySegment.ofArray(content));
  }

  /** The reference's header of the same tensors, byte for byte. */
  @Test
  void headerOfTheReference() throws Exception {
    var verdicts = JSON.readTree(Files.readAllBytes(Golden.file("safetensors/verdicts.json")));
    var expected = verdicts.path("cases").path("_writer_example_header").asString();
    assertFalse(expected.isEmpty());
    var tensors = new ArrayList<TensorData>();
    for (var e : JSON.readTree(expected).properties()) {
      if (!e.getKey().equals("__metadata__")) {
        var shape = new ArrayList<Long>();
        e.getValue().path("shape").forEach(n -> shape.add(n.asLong()));
        tensors.add(
            bytes(e.getKey(), TensorType.valueOf(e.getValue().path("dtype").asString()), shape));
      }
    }
    Collections.shuffle(tensors, new Random(1));
    var file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, Map.of(), tensors);
    var written = Files.readAllBytes(file);
    int length = ByteBuffer.wrap(written).order(ByteOrder.LITTLE_ENDIAN).getInt();
    assertEquals(0, length % 8);
    assertEquals(expected.strip(), new String(written, 8, length, "UTF-8").strip());
  }

  /** Reading and writing a file of the reference writer gives the same bytes. */
  @Test
  void rewritesTheReferencesFiles() {
    Golden.folders("models", "model.safetensors").run(c -> rewrite(c.file("model.safetensors")));
    Golden.folders("peft", "adapter_config.json")
        .run(c -> rewrite(c.file("adapter_model.safetensors")));
  }

  private void rewrite(Path original) throws IOException {
    var copy = folder.resolve("copy.safetensors");
    try (var arena = Arena.ofConfined()) {
      var file = Safetensors.open(original, arena);
      var tensors = new ArrayList<TensorData>();
      for (var name : file.names()) {
        tensors.add(
            TensorData.of(name, file.type(name), file.info(name).shape(), file.bytes(name)));
      }
      SafetensorsWriter.write(copy, file.metadata(), tensors);
    }
    assertEquals(-1, Files.mismatch(original, copy), original.toString());
  }

  @Test
  void everyShapeAndName() {
    var file = folder.resolve("a.safetensors");
    var tensors =
        List.of(
            bytes("ü \"\\\n", TensorType.BOOL, List.of(13L)),
            bytes("scalar", TensorType.F64, List.of()),
            bytes("empty", TensorType.F32, List.of(0L, 207L)),
            bytes("half a byte", TensorType.F4, List.of(3L, 2L)),
            TensorData.floats("floats", List.of(2L), () -> new float[] {1, Float.NaN}));
    SafetensorsWriter.write(file, Map.of("key", "värde"), tensors);
    try (var arena = Arena.ofConfined()) {
      var read = Safetensors.open(file, arena);
      assertEquals(Map.of("key", "värde", "format", "pt"), read.metadata());
      assertEquals(5, read.names().size());
      for (var tensor : tensors) {
        assertEquals(tensor.shape(), read.info(tensor.name()).shape());
        tensor.content().writeTo(b -> assertEquals(-1, b.mismatch(read.bytes(tensor.name()))));
      }
      assertArrayEquals(
          new float[] {1, Float.NaN},
          read.bytes("floats").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED));
    }
  }

  @Test
  void shardsAndIndex() throws Exception {
    var tensors = new ArrayList<TensorData>();
    for (int i = 0; i < 7; i++) {
      tensors.add(bytes("t" + i, TensorType.BF16, List.of(i == 3 ? 100L : 10L, 10L)));
    }
    var files = SafetensorsWriter.writeModel(folder, 500, Map.of(), tensors);
    assertEquals(6, files.size()); // t0 t1 | t2 | t3, too large | t4 t5 | t6, and the index
    var index = JSON.readTree(Files.readAllBytes(folder.resolve("model.safetensors.index.json")));
    assertEquals(6 * 200 + 2000, index.path("metadata").path("total_size").asInt());
    assertEquals(1600, index.path("metadata").path("total_parameters").asInt());
    try (var arena = Arena.ofConfined()) {
      var model = Checkpoint.open(folder, arena);
      assertEquals(Set.of("t0", "t1", "t2", "t3", "t4", "t5", "t6"), model.names());
      for (var t : tensors) {
        t.content().writeTo(b -> assertEquals(-1, b.mismatch(model.raw(t.name()).orElseThrow())));
      }
    }
    var one = folder.resolve("one");
    Files.createDirectory(one);
    assertEquals(
        List.of(one.resolve("model.safetensors")),
        SafetensorsWriter.writeModel(one, 1 << 20, Map.of(), tensors));
    assertThrows(
        CheckpointException.class, () -> SafetensorsWriter.writeModel(one, 500, Map.of(), tensors));
  }

  /** A disk with room for so many bytes. */
  private static AtomicFile.Opener disk(long room) {
    long[] left = {room};
    return temporary -> {
      var real = AtomicFile.disk(temporary);
      return new AtomicFile.Target() {
        @Override
        public int write(ByteBuffer bytes) throws IOException {
          int n = (int) Math.min(bytes.remaining(), left[0]);
          if (n == 0) {
            throw new IOException("No space left on device");
          }
          left[0] -= n;
          real.write(bytes.slice(bytes.position(), n));
          bytes.position(bytes.position() + n);
          return n;
        }

        @Override
        public void force() throws IOException {
          real.force();
        }

        @Override
        public void close() throws IOException {
          real.close();
        }
      };
    };
  }

  private Set<String> present() throws IOException {
    try (var files = Files.list(folder)) {
      return new TreeSet<>(files.map(f -> f.getFileName().toString()).toList());
    }
  }

  @Test
  void aFullDiskLeavesNothing() throws Exception {
    var tensors =
        List.of(
            bytes("a", TensorType.U8, List.of(3L << 20)),
            bytes("b", TensorType.U8, List.of(3L << 20)));
    for (long room : new long[] {0, 100, 1 << 20, 4 << 20, (6 << 20) + 150}) {
      var e =
          assertThrows(
              CheckpointException.class,
              () -> SafetensorsWriter.writeModel(folder, 4 << 20, Map.of(), tensors, disk(room)));
      assertTrue(e.getMessage().contains("No space left on device"), e.getMessage());
      assertEquals(Set.of(), present());
    }
    SafetensorsWriter.writeModel(folder, 4 << 20, Map.of(), tensors, disk(7 << 20));
    assertEquals(3, present().size());
  }

  @Test
  void aFailureLeavesTheOldFile() throws Exception {
    var file = folder.resolve("a.safetensors");
    SafetensorsWriter.write(file, Map.of(), List.of(bytes("a", TensorType.U8, List.of(5L))));
    var before = Files.readAllBytes(file);
    var wrong = new TensorData("a", TensorType.U8, List.of(5L), s -> {});
    assertThrows(
        IllegalArgumentException.class,
        () -> SafetensorsWriter.write(file, Map.of(), List.of(wrong)));
    var failing =
        new TensorData(
            "a",
            TensorType.U8,
            List.of(5L),
            s -> {
              throw new IllegalStateException("x");
            });
    assertThrows(
        IllegalStateException.class,
        () -> SafetensorsWriter.write(file, Map.of(), List.of(failing)));
    var interrupted =
        new TensorData("a", TensorType.U8, List.of(5L), s -> Thread.currentThread().interrupt());
    assertThrows(
        IllegalArgumentException.class,
        () -> SafetensorsWriter.write(file, Map.of(), List.of(interrupted)));
    Thread.currentThread().interrupt();
    var e =
        assertThrows(
            CheckpointException.class,
            () ->
                SafetensorsWriter.write(
                    file, Map.of(), List.of(bytes("a", TensorType.U8, List.of(5L)))));
    assertTrue(Thread.interrupted());
    assertTrue(e.getMessage().contains("interrupted"), e.getMessage());
    assertArrayEquals(before, Files.readAllBytes(file));
    assertEquals(Set.of("a.safetensors"), present());
  }

  @Test
  void refusesTwoTensorsOfOneName() {
    var twice =
        List.of(bytes("a", TensorType.U8, List.of(1L)), bytes("a", TensorType.U8, List.of(2L)));
    var file = folder.resolve("a.safetensors");
    assertThrows(
        IllegalArgumentException.class, () -> SafetensorsWriter.write(file, Map.of(), twice));
    var e =
        assertThrows(
            CheckpointException.class,
            () -> SafetensorsWriter.write(folder.resolve("no/x"), Map.of(), List.of()));
    assertTrue(e.getMessage().contains("no such file or folder"), e.getMessage());
  }
}
