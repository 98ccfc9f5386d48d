package io.gatun.runtime.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Turns the JSON object of one line into a row, or says what is wrong with it. */
final class RowReader {
  private final JsonlFile.Place place;
  private final ObjectNode object;

  RowReader(JsonlFile.Place place, ObjectNode object) {
    this.place = place;
    this.object = object;
  }

  /** The shape of this row, by its keys. */
  RowShape detect() {
    refuseOtherTasks();
    return Arrays.stream(RowShape.values())
        .filter(shape -> shape.keys.stream().allMatch(object::has))
        .findFirst()
        .orElseThrow(() ->
            place.error(
                "the row has %s, which is no known shape; rows need one of: %s.",
                keys(),
                Arrays.stream(RowShape.values())
                    .map(shape -> String.join(" + ", shape.keys))
                    .collect(Collectors.joining("; "))));
  }

  private void refuseOtherTasks() {
    if (object.has("chosen") && object.has("rejected")) {
      throw place.error(
          "the row is a preference pair (chosen, rejected); this training takes one answer a row: "
              + "write the chosen one as prompt and completion.");
    }
    if (object.path("label").isBoolean()) {
      throw place.error(
          "the row is a judged answer (label true or false); this training learns every row: "
              + "keep the good ones and remove the key label.");
    }
    if (object.has("label") && !object.has("completion") && !object.has("messages")) {
      throw place.error(
          "the row is for classification (label); this training takes text to continue: train a"
              + " classifier (--task classification), or write the label as completion of a"
              + " prompt.");
    }
  }

  /** The row, which must have the given shape. */
  Row read(RowShape shape) {
    for (String key : shape.keys) {
      if (!object.has(key)) {
        throw place.error(
            "the key \"%s\" is missing; the first row of the file is %s, this one has %s, and all"
                + " rows of a file have one shape.",
            key, shape.title, keys());
      }
    }
    int line = place.line();
    return switch (shape) {
      case TEXT -> new Row.Text(line, string(object, "text"));
      case COMPLETION -> completion(line);
      case MESSAGES -> new Row.Chat(line, messages("messages"), tools());
      case ALPACA -> alpaca(line);
      case SHAREGPT -> new Row.Chat(line, shareGpt(), tools());
    };
  }

  private Row completion(int line) {
    JsonNode prompt = object.get("prompt");
    JsonNode completion = object.get("completion");
    if (prompt.isArray() && completion.isArray()) {
      return new Row.ChatCompletion(line, messages("prompt"), messages("completion"), tools());
    }
    if (prompt.isArray() || completion.isArray()) {
      throw place.error(
          "prompt is %s and completion is %s; both must be strings or both message lists.",
          kind(prompt), kind(completion));
    }
    return new Row.Completion(line, string(object, "prompt"), string(object, "completion"));
  }

  private Row alpaca(int line) {
    List<Map<String, Object>> prompt = new ArrayList<>();
    if (!optional("system").isEmpty()) {
      prompt.add(message("system", optional("system")));
    }
    for (JsonNode pair : list("history")) {
      if (!pair.isArray()
          || pair.size() != 2
          || !pair.get(0).isString()
          || !pair.get(1).isString()) {
        throw place.error("history must hold pairs of strings, [question, answer].");
      }
      prompt.add(message("user", pair.get(0).asString()));
      prompt.add(message("assistant", pair.get(1).asString()));
    }
    String input = optional("input");
    String instruction = string(object, "instruction");
    prompt.add(message("user", input.isEmpty() ? instruction : instruction + "\n" + input));
    var answer = List.of(message("assistant", string(object, "output")));
    return new Row.ChatCompletion(line, List.copyOf(prompt), answer, List.of());
  }

  private List<Map<String, Object>> messages(String key) {
    List<Map<String, Object>> messages = new ArrayList<>();
    for (JsonNode item : nonEmptyList(key)) {
      if (!item.isObject() || !item.path("role").isString()) {
        throw place.error("%s[%d] must be an object with role and content.", key, messages.size());
      }
      if (!item.has("content") && !item.has("tool_calls")) {
        throw place.error("%s[%d] has no content.", key, messages.size());
      }
      JsonNode content = item.path("content");
      if (item.has("content") && !content.isString() && !content.isArray() && !content.isNull()) {
        throw place.error(
            "%s[%d].content must be a string, it is %s.", key, messages.size(), kind(content));
      }
      messages.add(map(item));
    }
    return List.copyOf(messages);
  }

  private List<Map<String, Object>> shareGpt() {
    if (nonEmptyList("conversations").get(0).has("role")) {
      return messages("conversations");
    }
    List<Map<String, Object>> messages = new ArrayList<>();
    if (!optional("system").isEmpty()) {
      messages.add(message("system", optional("system")));
    }
    JsonNode turns = object.get("conversations");
    for (int i = 0; i < turns.size(); i++) {
      JsonNode turn = turns.get(i);
      if (!turn.path("from").isString() || !turn.path("value").isString()) {
        throw place.error(
            "conversations[%d] must be an object with the strings from and value.", i);
      }
      messages.add(turn(i, turn.get("from").asString(), turn.get("value").asString()));
    }
    return List.copyOf(messages);
  }

  private Map<String, Object> turn(int index, String from, String value) {
    return switch (from) {
      case "human", "user" -> message("user", value);
      case "gpt", "assistant", "model", "function_call" -> message("assistant", value);
      case "system" -> message("system", value);
      case "observation", "tool" -> message("tool", value);
      default ->
          throw place.error(
              "conversations[%d].from is \"%s\"; it must be human, gpt, system, function_call or"
                  + " observation.",
              index, from);
    };
  }

  private List<Object> tools() {
    List<Object> tools = new ArrayList<>();
    list("tools").forEach(tool -> tools.add(value(tool)));
    return tools;
  }

  private JsonNode nonEmptyList(String key) {
    if (!object.get(key).isArray()) {
      throw place.error("%s must be a list of messages, it is %s.", key, kind(object.get(key)));
    }
    if (object.get(key).isEmpty()) {
      throw place.error("%s is empty; a conversation needs at least one message.", key);
    }
    return object.get(key);
  }

  /** A list that may be absent. */
  private Iterable<JsonNode> list(String key) {
    JsonNode node = object.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return List.of();
    }
    if (!node.isArray()) {
      throw place.error("%s must be a list, it is %s.", key, kind(node));
    }
    return node;
  }

  /** A string that may be absent. */
  private String optional(String key) {
    JsonNode node = object.path(key);
    return node.isMissingNode() || node.isNull() ? "" : string(object, key);
  }

  private String string(JsonNode parent, String key) {
    JsonNode node = parent.get(key);
    if (!node.isString()) {
      throw place.error("%s must be a string, it is %s.", key, kind(node));
    }
    return node.asString();
  }

  private String keys() {
    return object.isEmpty() ? "no keys" : "the keys " + String.join(", ", object.propertyNames());
  }

  private static Map<String, Object> message(String role, String content) {
    return Map.of("role", role, "content", content);
  }

  private static Map<String, Object> map(JsonNode node) {
    Map<String, Object> map = new LinkedHashMap<>();
    node.properties().forEach(p -> map.put(p.getKey(), value(p.getValue())));
    return map;
  }

  /** JSON as templates take it: maps, lists, strings, numbers, booleans and null. */
  @SuppressWarnings("NullAway") // null is a value of JSON and of templates
  private static Object value(JsonNode node) {
    return switch (node.getNodeType()) {
      case OBJECT -> map(node);
      case ARRAY -> {
        List<Object> list = new ArrayList<>();
        node.forEach(item -> list.add(value(item)));
        yield list;
      }
      case STRING -> node.asString();
      case BOOLEAN -> node.asBoolean();
      case NUMBER -> node.numberValue();
      default -> null;
    };
  }

  /** What a value is, in words. */
  static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case OBJECT -> "an object";
      case ARRAY -> "a list";
      case STRING -> "a string";
      case NUMBER -> "a number";
      case BOOLEAN -> "true or false";
      default -> "null";
    };
  }
}
