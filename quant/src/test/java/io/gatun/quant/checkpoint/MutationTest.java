package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.gatun.quant.Golden;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files are refused, or read as what they now say; nothing else ever happens. */
class MutationTest {
  private static final int ROUNDS = 1000;

  @TempDir Path folder;

  @Test
  void safetensors() throws IOException {
    for (var c : Golden.files("safetensors", "ok_*.safetensors").list()) {
      mutate(c.path(), 8192, ROUNDS / 10);
    }
  }

  @Test
  void bitsandbytes() throws IOException {
    for (var c : Golden.folders("qlora", "model.safetensors").list()) {
      mutate(c.file("model.safetensors"), 16384, ROUNDS / 5);
    }
  }

  @Test
  void gguf() throws IOException {
    for (var c : Golden.files("gguf", "*.gguf").list()) {
      mutate(c.path(), 6000, ROUNDS / 5);
    }
  }

  /** Damaged everywhere: names and sizes of an ONNX file stand between its tensors. */
  @Test
  void onnx() throws IOException {
    try (var arena = Arena.ofConfined()) {
      var model = Checkpoint.open(Golden.file("bare/tiny_bert"), arena);
      var traced = Files.write(folder.resolve("traced"), OnnxBert.of(model, true, ""));
      mutate(traced, Integer.MAX_VALUE, ROUNDS);
      var modern = Files.write(folder.resolve("modern"), OnnxBert.of(model, false, ""));
      mutate(modern, Integer.MAX_VALUE, ROUNDS);
      var json = "{}".getBytes(StandardCharsets.UTF_8);
      var entries = Map.of("a.onnx", Files.readAllBytes(traced), "tokenizer.json", json);
      var archive = ModelArchiveTest.archive(folder.resolve("archive"), false, entries);
      mutate(archive, Integer.MAX_VALUE, ROUNDS / 5);
    }
  }

  /** Damages the first {@code head} bytes, and the length, of a file again and again. */
  private void mutate(Path original, int head, int rounds) throws IOException {
    var bytes = Files.readAllBytes(original);
    var random = new Random(original.getFileName().toString().hashCode());
    int refused = 0;
    for (int round = 0; round < rounds; round++) {
      var damaged = damage(bytes, Math.min(head, bytes.length), random);
      var file = folder.resolve("damaged");
      Files.write(file, damaged);
      try (var arena = Arena.ofConfined()) {
        readAll(file, arena);
      } catch (CheckpointException e) {
        refused++;
        assertFalse(e.problems().isEmpty());
        assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
      } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
        Files.write(Path.of("target", "damaged"), damaged);
        fail(original + ", round " + round + " (target/damaged)", e);
      }
    }
    assertTrue(refused > rounds / 4, original + ": refused only " + refused);
  }

  private static void readAll(Path file, Arena arena) {
    var model = Checkpoint.open(file, arena);
    for (var name : model.names()) {
      var info = model.info(name);
      model.raw(name);
      if (model.fourBit(name).isPresent() || List.of("F32", "Q8_0").contains(info.dtype())) {
        model.readFloats(name);
      }
    }
  }

  private static byte[] damage(byte[] original, int head, Random random) {
    var bytes = original.clone();
    int flips = 1 + random.nextInt(3);
    switch (random.nextInt(5)) {
      case 0 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      case 1 -> bytes = Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(64));
      case 2 -> flip64(bytes, random.nextInt(Math.max(1, head - 8)), random);
      default -> {
        for (int i = 0; i < flips; i++) {
          bytes[random.nextInt(head)] ^= (byte) (1 << random.nextInt(8));
        }
      }
    }
    return bytes;
  }

  /** Puts a number of any magnitude where a size might be. */
  private static void flip64(byte[] bytes, int at, Random random) {
    long value = random.nextLong() >>> random.nextInt(64);
    if (at + 8 <= bytes.length) {
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(at, value);
    }
  }
}
