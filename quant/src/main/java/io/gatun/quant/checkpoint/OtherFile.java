package io.gatun.quant.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a file seems to be that somebody took for a model's. */
final class OtherFile {
  private static final int LOOKED_AT = 1024;
  private static final String INSTEAD =
      "; a model is a Hugging Face folder, or a .safetensors, .gguf or .onnx file";
  private static final Map<String, String> MAGIC =
      Map.of(
          "PAR1", "a Parquet file",
          "\u0089HDF", "an HDF5 file",
          "\u001f\u008b", "a gzip archive",
          "%PDF", "a PDF document");

  private OtherFile() {}

  /**
   * A sentence about a file that is not what its reader reads.
   *
   * @param file its name may tell more
   * @param contents at least its beginning
   * @return empty if nothing is known about it
   */
  static Optional<String> sentence(Path file, MemorySegment contents) {
    long length = Math.min(LOOKED_AT, contents.byteSize());
    var bytes = contents.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
    var text = new String(bytes, StandardCharsets.ISO_8859_1);
    var known = MAGIC.keySet().stream().filter(text::startsWith).findFirst();
    if (known.isPresent()) {
      return Optional.of("is " + MAGIC.get(known.get()) + INSTEAD);
    }
    boolean isText = !text.isBlank() && text.chars().allMatch(c -> c >= ' ' || isSpace(c));
    return isText
        ? Optional.of(ofText(String.valueOf(file.getFileName()), text))
        : Optional.empty();
  }

  private static boolean isSpace(int c) {
    return c == '\t' || c == '\n' || c == '\r' || c == '\f';
  }

  private static String ofText(String name, String text) {
    var start = text.stripLeading();
    if (start.startsWith("version https://git-lfs.github.com/spec/")) {
      return "is a Git LFS pointer, which stands for a file that was not fetched; run git lfs pull";
    }
    if (start.regionMatches(true, 0, "<!doctype html", 0, 14)
        || start.regionMatches(true, 0, "<html", 0, 5)) {
      return "is a web page, perhaps one that came instead of a download" + INSTEAD;
    }
    boolean part = name.equals("config.json") || name.endsWith(".index.json");
    if (part || name.matches("(tokenizer|tokenizer_config|generation_config)\\.json")) {
      return "describes a model and holds no weights; give the folder in which it lies";
    }
    if (name.equals("adapter_config.json")) {
      return "describes an adapter and holds no weights; give the folder in which it lies";
    }
    return "is " + kind(name, start) + ", not a model" + INSTEAD;
  }

  private static String kind(String name, String start) {
    if (start.startsWith("{") || start.startsWith("[")) {
      return name.endsWith(".jsonl") ? "a JSONL file, perhaps of training rows" : "a JSON file";
    }
    var lines = start.lines().limit(2).toList();
    boolean table =
        lines.size() == 2
            && List.of(",", ";", "\t").stream()
                .anyMatch(separator ->
                    lines.stream().allMatch(line -> line.contains(separator))
                        && !start.startsWith("<"));
    return table || name.endsWith(".csv") ? "a table in text (CSV)" : "a text file";
  }
}
