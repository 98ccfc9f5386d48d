package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonlFileTest {
  @TempDir Path folder;

  private List<String> read(byte[] bytes) throws IOException {
    Path file = folder.resolve("rows.jsonl");
    Files.write(file, bytes);
    List<String> rows = new ArrayList<>();
    JsonlFile.forEach(file, "{}", (place, row) -> rows.add(place.line() + ":" + row));
    return rows;
  }

  private List<String> read(String text) throws IOException {
    return read(text.getBytes(StandardCharsets.UTF_8));
  }

  private void refused(byte[] bytes, String... parts) {
    var e = assertThrows(DatasetException.class, () -> read(bytes));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), () -> e.getMessage() + " lacks " + part);
    }
    assertTrue(e.getMessage().contains("rows.jsonl"), e.getMessage());
  }

  private void refused(String text, String... parts) {
    refused(text.getBytes(StandardCharsets.UTF_8), parts);
  }

  @Test
  void readsALineAtATime() throws IOException {
    assertEquals(
        List.of("1:{\"a\":\"é\"}", "3:{\"b\":1}"), read("{\"a\": \"é\"}\r\n  \n {\"b\":1} "));
    assertEquals(List.of("1:{}"), read("\uFEFF{}\n"));
  }

  @Test
  void refusesWhatIsNotJsonl() {
    refused("", "no row", "one JSON object a line");
    refused("\n\n \n", "no row");
    refused("{\"a\": 1}\n{\"a\": \n", "line 2", "not valid JSON at column", "whole JSON object");
    refused("{\"a\": 1} {\"b\": 2}\n", "line 1", "not valid JSON");
    refused("{\"a\": 1, \"a\": 2}\n", "line 1", "not valid JSON", "uplicate");
    refused("[{\"a\": 1}]\n", "line 1", "JSON array", "jq");
    refused("prompt,completion\nx,y\n", "line 1", "starts with \"p\"", "CSV");
    refused("😀\n", "starts with \"😀\"");
    refused("{\n  \"a\": 1\n}\n", "line 1", "whole JSON object");
  }

  @Test
  void refusesOtherEncodingsAndContainers() {
    refused(new byte[] {'{', '"', 'a', (byte) 0xE9, '"', '}'}, "line 1", "byte 4", "0xE9", "UTF-8");
    refused(new byte[] {(byte) 0xFF, (byte) 0xFE, '{', 0}, "UTF-16", "UTF-8");
    refused(new byte[] {0x1F, (byte) 0x8B, 8, 0}, "gzip", "unpack");
    refused("PAR1....", "Parquet", "JSONL");
    refused(new byte[] {'P', 'K', 3, 4, 0}, "zip");
  }

  @Test
  void refusesFoldersAndMissingFiles() {
    var e =
        assertThrows(
            DatasetException.class, () -> JsonlFile.forEach(folder, "{}", (place, row) -> {}));
    assertTrue(e.getMessage().contains("is a folder"));
    Path absent = folder.resolve("absent.jsonl");
    e =
        assertThrows(
            DatasetException.class, () -> JsonlFile.forEach(absent, "{}", (place, row) -> {}));
    assertTrue(e.getMessage().contains("does not exist"));
  }
}
