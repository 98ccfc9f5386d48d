package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that somebody may take for a model's. */
class OtherFileTest {
  @TempDir Path folder;

  private void refused(String name, String contents, String reason) throws Exception {
    var file = folder.resolve(name);
    Files.write(file, contents.getBytes(StandardCharsets.ISO_8859_1));
    try (var arena = Arena.ofConfined()) {
      var e = assertThrows(CheckpointException.class, () -> Checkpoint.open(file, arena));
      assertTrue(e.getMessage().startsWith(file + ": " + reason), e.getMessage());
      assertEquals(1, e.getMessage().lines().count());
    }
  }

  @Test
  void text() throws Exception {
    refused("config.json", "{\"model_type\": \"llama\"}", "describes a model and holds no weights");
    refused("model.safetensors.index.json", "{\"weight_map\": {}}", "describes a model");
    refused("adapter_config.json", "{\n  \"r\": 8}", "describes an adapter");
    refused("rows.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}", "is a JSONL file, perhaps of");
    refused("x.json", "[1, 2, 3, 4]", "is a JSON file, not a model; a model is a Hugging Face");
    refused("data.csv", "text;label\nfine;1\n", "is a table in text (CSV), not a model");
    refused("data.txt", "text\tlabel\nfine\t1\n", "is a table in text (CSV), not a model");
    refused("notes.txt", "Notes about\nmodels, and more", "is a text file, not a model");
    refused("model.safetensors", "<!DOCTYPE html>\n<html>", "is a web page, perhaps");
    refused(
        "model.safetensors",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
        "is a Git LFS pointer, which stands for a file that was not fetched");
  }

  @Test
  void binary() throws Exception {
    refused("a.parquet", "PAR1\25\4\25\20\25\24", "is a Parquet file; a model is");
    refused("a.h5", "\u0089HDF\r\n\32\n\0\0", "is an HDF5 file; a model is");
    refused("a.tgz", "\37\u008b\10\0\0\0\0\0\0\3", "is a gzip archive; a model is");
    refused("a", "\1\2\3\4\5\6\7\10\11", "the header claims 578437695752307201 bytes");
    refused("empty", "", "a safetensors file has at least 8 bytes");
  }
}
