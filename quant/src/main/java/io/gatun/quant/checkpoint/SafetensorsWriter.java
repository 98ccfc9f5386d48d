package io.gatun.quant.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes safetensors files. The bytes depend on the tensors only: tensors lie by type, the widest
 * first, then by name; the header is padded to a multiple of 8. A file appears under its name whole
 * or not at all, and is written in constant memory.
 */
public final class SafetensorsWriter {
  private static final Comparator<TensorData> ORDER =
      Comparator.comparing(TensorData::type)
          .reversed()
          .thenComparing(t -> t.name().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);
  private static final JsonMapper JSON = new JsonMapper();

  private SafetensorsWriter() {}

  /**
   * Writes one file.
   *
   * @param file replaced if it exists
   * @param metadata strings for its header; {@code format: pt} is always added, without which some
   *     readers refuse a file
   * @param tensors their contents are asked for one after the other
   * @throws CheckpointException if it cannot be written; then nothing of it is left
   * @throws IllegalArgumentException if two tensors have one name, or one gives fewer or more bytes
   *     than its shape says
   */
  public static void write(Path file, Map<String, String> metadata, List<TensorData> tensors) {
    AtomicFile.writeAll(List.of(job(file, metadata, tensors)), AtomicFile::disk);
  }

  /**
   * Writes a model: model.safetensors if it fits into one shard, else model-00001-of-0000N and so
   * on with their index. All files appear together, the index last.
   *
   * @param folder exists
   * @param shardBytes the most bytes of tensors in a file; a larger tensor has a file of its own
   * @param metadata as in the other method
   * @param tensors as in the other method
   * @return the files written, the index included
   * @throws CheckpointException if they cannot be written, or if the folder holds a
   *     model.safetensors that readers would prefer to the shards
   */
  public static List<Path> writeModel(
      Path folder, long shardBytes, Map<String, String> metadata, List<TensorData> tensors) {
    return writeModel(folder, shardBytes, metadata, tensors, AtomicFile::disk);
  }

  static List<Path> writeModel(
      Path folder,
      long shardBytes,
      Map<String, String> metadata,
      List<TensorData> tensors,
      AtomicFile.Opener opener) {
    refuseDuplicates(tensors);
    var single = folder.resolve("model.safetensors");
    var shards = shards(shardBytes, tensors);
    var jobs = new ArrayList<AtomicFile.Job>();
    if (shards.size() == 1) {
      jobs.add(job(single, metadata, tensors));
    } else {
      if (Files.exists(single)) {
        throw new CheckpointException(
            folder, "holds a model.safetensors, which readers take before shards; remove it first");
      }
      var map = new TreeMap<String, String>();
      for (int i = 0; i < shards.size(); i++) {
        var name = "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
        shards.get(i).forEach(t -> map.put(t.name(), name));
        jobs.add(job(folder.resolve(name), metadata, shards.get(i)));
      }
      var index = index(tensors, map).getBytes(StandardCharsets.UTF_8);
      var file = folder.resolve("model.safetensors.index.json");
      jobs.add(new AtomicFile.Job(file, out -> out.append(index)));
    }
    AtomicFile.writeAll(jobs, opener);
    return jobs.stream().map(AtomicFile.Job::file).toList();
  }

  private static AtomicFile.Job job(
      Path file, Map<String, String> metadata, List<TensorData> tensors) {
    refuseDuplicates(tensors);
    var sorted = tensors.stream().sorted(ORDER).toList();
    var header = header(metadata, sorted);
    return new AtomicFile.Job(
        file,
        out -> {
          out.append(header);
          for (var tensor : sorted) {
            write(tensor, out);
          }
        });
  }

  private static void write(TensorData tensor, AtomicFile out) throws IOException {
    long end = out.written() + tensor.bytes();
    try {
      tensor
          .content()
          .writeTo(piece -> {
            try {
              out.append(piece);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    if (out.written() != end) {
      throw new IllegalArgumentException(
          "tensor %s gave %d bytes, its shape says %d"
              .formatted(tensor.name(), out.written() - end + tensor.bytes(), tensor.bytes()));
    }
  }

  private static void refuseDuplicates(List<TensorData> tensors) {
    var names = new HashSet<String>();
    for (var tensor : tensors) {
      if (!names.add(tensor.name()) || tensor.name().equals("__metadata__")) {
        throw new IllegalArgumentException("two tensors, or a reserved one: " + tensor.name());
      }
    }
  }

  /** The length, and the JSON padded with spaces to a multiple of 8. */
  private static byte[] header(Map<String, String> metadata, List<TensorData> sorted) {
    var all = new TreeMap<>(metadata);
    all.put("format", "pt");
    var json = new StringBuilder("{\"__metadata__\":").append(JSON.writeValueAsString(all));
    long at = 0;
    for (var tensor : sorted) {
      json.append(',').append(JSON.writeValueAsString(tensor.name()));
      json.append(":{\"dtype\":\"").append(tensor.type()).append("\",\"shape\":");
      json.append(JSON.writeValueAsString(tensor.shape()));
      json.append(",\"data_offsets\":[").append(at).append(',');
      at += tensor.bytes();
      json.append(at).append("]}");
    }
    var text = json.append('}').toString().getBytes(StandardCharsets.UTF_8);
    int length = (text.length + 7) / 8 * 8;
    var header = new byte[8 + length];
    Arrays.fill(header, 8, header.length, (byte) ' ');
    System.arraycopy(text, 0, header, 8, text.length);
    for (int i = 0; i < 8; i++) {
      header[i] = (byte) ((long) length >> (8 * i));
    }
    return header;
  }

  private static List<List<TensorData>> shards(long limit, List<TensorData> tensors) {
    var shards = new ArrayList<List<TensorData>>(List.of(new ArrayList<>()));
    long bytes = 0;
    for (var tensor : tensors) {
      if (bytes + tensor.bytes() > limit && !shards.getLast().isEmpty()) {
        shards.add(new ArrayList<>());
        bytes = 0;
      }
      shards.getLast().add(tensor);
      bytes += tensor.bytes();
    }
    return shards;
  }

  private static String index(List<TensorData> tensors, Map<String, String> map) {
    long bytes = tensors.stream().mapToLong(TensorData::bytes).sum();
    long parameters = tensors.stream().mapToLong(SafetensorsWriter::elements).sum();
    var lines = new ArrayList<String>();
    map.forEach(
        (name, file) -> lines.add("    " + JSON.writeValueAsString(name) + ": \"" + file + "\""));
    return """
    {
      "metadata": {
        "total_parameters": %d,
        "total_size": %d
      },
      "weight_map": {
    %s
      }
    }
    """
        .formatted(parameters, bytes, String.join(",\n", lines));
  }

  private static long elements(TensorData tensor) {
    return tensor.shape().stream().reduce(1L, Math::multiplyExact);
  }
}
