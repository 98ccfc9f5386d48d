package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RowTest {
  @TempDir Path folder;

  private List<Row> read(String... lines) throws IOException {
    Path file = folder.resolve("rows.jsonl");
    Files.write(file, List.of(lines));
    List<Row> rows = new ArrayList<>();
    Row.forEach(file, rows::add);
    return rows;
  }

  private void refused(List<String> parts, String... lines) {
    var e = assertThrows(DatasetException.class, () -> read(lines));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), () -> e.getMessage() + " lacks " + part);
    }
    assertTrue(e.getMessage().contains("rows.jsonl, line " + lines.length), e.getMessage());
  }

  private static Map<String, Object> message(String role, String content) {
    return Map.of("role", role, "content", content);
  }

  @Test
  void readsRawText() throws IOException {
    assertEquals(
        List.of(new Row.Text(1, "a"), new Row.Text(2, "b")),
        read("{\"text\": \"a\"}", "{\"text\": \"b\", \"source\": 3}"));
    assertEquals(
        List.of(new Row.Completion(1, "p", "c")),
        read("{\"prompt\": \"p\", \"completion\": \"c\", \"text\": \"pc\"}"));
  }

  @Test
  void readsConversations() throws IOException {
    assertEquals(
        List.of(
            new Row.Chat(
                1, List.of(message("user", "hi"), message("assistant", "ho")), List.of("t"))),
        read(
            """
            {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}], \
            "tools": ["t"]}\
            """));
    assertEquals(
        List.of(
            new Row.ChatCompletion(
                1, List.of(message("user", "hi")), List.of(message("assistant", "ho")), List.of())),
        read(
            """
            {"prompt": [{"role": "user", "content": "hi"}], \
            "completion": [{"role": "assistant", "content": "ho"}]}\
            """));
  }

  @Test
  void readsAlpaca() throws IOException {
    var plain =
        (Row.ChatCompletion)
            read("{\"instruction\": \"Add\", \"input\": \"1 2\", \"output\": \"3\"}").getFirst();
    assertEquals(List.of(message("user", "Add\n1 2")), plain.prompt());
    assertEquals(List.of(message("assistant", "3")), plain.completion());
    var full =
        (Row.ChatCompletion)
            read("""
            {"instruction": "q2", "input": "", "output": "a2", "system": "s", "history": [["q1", "a1"]]}\
            """)
                .getFirst();
    assertEquals(
        List.of(
            message("system", "s"),
            message("user", "q1"),
            message("assistant", "a1"),
            message("user", "q2")),
        full.prompt());
  }

  @Test
  void readsShareGpt() throws IOException {
    var row =
        (Row.Chat)
            read("""
            {"system": "s", "conversations": [{"from": "human", "value": "1"}, {"from": "gpt", "value": "2"}, \
            {"from": "observation", "value": "3"}, {"from": "function_call", "value": "4"}]}\
            """)
                .getFirst();
    assertEquals(
        List.of(
            message("system", "s"),
            message("user", "1"),
            message("assistant", "2"),
            message("tool", "3"),
            message("assistant", "4")),
        row.messages());
    var roles =
        (Row.Chat)
            read("{\"conversations\": [{\"role\": \"user\", \"content\": \"1\"}]}").getFirst();
    assertEquals(List.of(message("user", "1")), roles.messages());
  }

  @Test
  void refusesUnknownShapesAndOtherTasks() {
    refused(
        List.of("question, answer", "no known shape", "prompt + completion"),
        "{\"question\": \"a\", \"answer\": \"b\"}");
    refused(List.of("no keys"), "{}");
    refused(
        List.of("preference", "chosen"),
        "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}");
    refused(List.of("judged"), "{\"prompt\": \"a\", \"completion\": \"b\", \"label\": true}");
    refused(List.of("classification"), "{\"text\": \"a\", \"label\": 1}");
  }

  @Test
  void refusesRowsUnlikeTheFirst() {
    refused(
        List.of("\"prompt\" is missing", "prompt/completion", "messages"),
        "{\"prompt\": \"a\", \"completion\": \"b\"}",
        "{\"messages\": []}");
    refused(List.of("\"text\" is missing", "no keys"), "{\"text\": \"a\"}", "{}");
  }

  @Test
  void refusesWrongTypes() {
    refused(List.of("text must be a string, it is a number"), "{\"text\": 3}");
    refused(
        List.of("completion must be a string, it is null"),
        "{\"prompt\": \"a\", \"completion\": null}");
    refused(List.of("both"), "{\"prompt\": [], \"completion\": \"b\"}");
    refused(List.of("messages must be a list"), "{\"messages\": \"hi\"}");
    refused(List.of("messages is empty"), "{\"messages\": []}");
    refused(List.of("messages[0]", "role"), "{\"messages\": [\"hi\"]}");
    refused(List.of("messages[0] has no content"), "{\"messages\": [{\"role\": \"user\"}]}");
    refused(
        List.of("messages[0].content", "a number"),
        "{\"messages\": [{\"role\": \"user\", \"content\": 1}]}");
    refused(
        List.of("conversations[0].from is \"bot\""),
        "{\"conversations\": [{\"from\": \"bot\", \"value\": \"1\"}]}");
    refused(
        List.of("conversations[0]", "from and value"),
        "{\"conversations\": [{\"from\": \"gpt\"}]}");
    refused(
        List.of("history"), "{\"instruction\": \"a\", \"output\": \"b\", \"history\": [[\"c\"]]}");
    refused(
        List.of("input must be a string"),
        "{\"instruction\": \"a\", \"output\": \"b\", \"input\": {}}");
  }
}
