package io.gatun.runtime.text;

import java.io.StringWriter;
import java.util.List;
import java.util.OptionalInt;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.json.JsonMapper;

/** Writes the tokenizer.json that stands for a tokenizer in a GGUF file. */
final class TokenizerJson {
  private static final String SPACE = "\u2581";

  private final TokenizerData data;
  private final JsonGenerator out;

  private TokenizerJson(TokenizerData data, JsonGenerator out) {
    this.data = data;
    this.out = out;
  }

  /**
   * The text of a tokenizer.json.
   *
   * @throws TextException if the kind of tokenizer or its rule for words is not known
   */
  static String write(TokenizerData data) {
    var text = new StringWriter(48 * data.tokens().size());
    try (JsonGenerator out = JsonMapper.shared().createGenerator(text)) {
      new TokenizerJson(data, out).write();
    }
    return text.toString();
  }

  private void write() {
    out.writeStartObject();
    out.writeStringProperty("version", "1.0");
    out.writeNullProperty("truncation");
    out.writeNullProperty("padding");
    addedTokens();
    switch (data.model()) {
      case "gpt2" -> byteLevel(PreTokenizer.of(data.pre()));
      case "llama" -> sentencePiece();
      default ->
          throw new TextException(
              "tokenizer.ggml.model is '%s'; known are gpt2 and llama: use the model's Hugging Face folder instead"
                  .formatted(data.model()));
    }
    out.writeEndObject();
  }

  private void addedTokens() {
    out.writeArrayPropertyStart("added_tokens");
    for (int id = 0; id < data.tokens().size(); id++) {
      if (data.isAdded(id)) {
        out.writeStartObject();
        out.writeNumberProperty("id", id);
        out.writeStringProperty("content", data.tokens().get(id));
        out.writeBooleanProperty("single_word", false);
        out.writeBooleanProperty("lstrip", false);
        out.writeBooleanProperty("rstrip", false);
        out.writeBooleanProperty("normalized", false);
        out.writeBooleanProperty("special", data.type(id) != TokenizerData.USER_DEFINED);
        out.writeEndObject();
      }
    }
    out.writeEndArray();
  }

  private void byteLevel(PreTokenizer rule) {
    if (rule.nfc) {
      component("normalizer", "NFC");
      out.writeEndObject();
    } else {
      out.writeNullProperty("normalizer");
    }
    sequence("pre_tokenizer", "pretokenizers");
    for (String pattern : rule.splits) {
      element("Split");
      out.writeObjectPropertyStart("pattern");
      out.writeStringProperty("Regex", pattern);
      out.writeEndObject();
      out.writeStringProperty("behavior", "Isolated");
      out.writeBooleanProperty("invert", false);
      out.writeEndObject();
    }
    element("ByteLevel");
    byteLevelOptions(rule.gpt2);
    endSequence();
    component("decoder", "ByteLevel");
    byteLevelOptions(rule.gpt2);
    postProcessor(rule.addBos);
    model(rule.ignoreMerges, false, OptionalInt.empty());
  }

  private void byteLevelOptions(boolean regex) {
    out.writeBooleanProperty("add_prefix_space", false);
    out.writeBooleanProperty("trim_offsets", true);
    out.writeBooleanProperty("use_regex", regex);
    out.writeEndObject();
  }

  private void sentencePiece() {
    boolean prefix = data.addSpacePrefix().orElse(true);
    sequence("normalizer", "normalizers");
    if (prefix) {
      element("Prepend");
      out.writeStringProperty("prepend", SPACE);
      out.writeEndObject();
    }
    replace(" ", SPACE);
    endSequence();
    out.writeNullProperty("pre_tokenizer");
    sequence("decoder", "decoders");
    replace(SPACE, " ");
    element("ByteFallback");
    out.writeEndObject();
    element("Fuse");
    out.writeEndObject();
    if (prefix) {
      element("Strip");
      out.writeStringProperty("content", " ");
      out.writeNumberProperty("start", 1);
      out.writeNumberProperty("stop", 0);
      out.writeEndObject();
    }
    endSequence();
    postProcessor(true);
    model(false, data.has(TokenizerData.BYTE), data.unknown());
  }

  private void replace(String what, String by) {
    element("Replace");
    out.writeObjectPropertyStart("pattern");
    out.writeStringProperty("String", what);
    out.writeEndObject();
    out.writeStringProperty("content", by);
    out.writeEndObject();
  }

  /** Puts the first and the last token around texts, if the file or its kind wants them. */
  private void postProcessor(boolean bosByDefault) {
    boolean bos = data.addBos().orElse(bosByDefault) && data.bos().isPresent();
    boolean eos = data.addEos().orElse(false) && data.eos().isPresent();
    if (!bos && !eos) {
      out.writeNullProperty("post_processor");
      return;
    }
    component("post_processor", "TemplateProcessing");
    template("single", List.of("A"), bos, eos);
    template("pair", List.of("A", "B"), bos, eos);
    out.writeObjectPropertyStart("special_tokens");
    if (bos) {
      special(data.bos().getAsInt());
    }
    if (eos && (!bos || data.eos().getAsInt() != data.bos().getAsInt())) {
      special(data.eos().getAsInt());
    }
    out.writeEndObject();
    out.writeEndObject();
  }

  private void template(String name, List<String> sequences, boolean bos, boolean eos) {
    out.writeArrayPropertyStart(name);
    for (int type = 0; type < sequences.size(); type++) {
      if (bos) {
        piece("SpecialToken", data.tokens().get(data.bos().getAsInt()), type);
      }
      piece("Sequence", sequences.get(type), type);
      if (eos) {
        piece("SpecialToken", data.tokens().get(data.eos().getAsInt()), type);
      }
    }
    out.writeEndArray();
  }

  private void piece(String kind, String id, int type) {
    out.writeStartObject();
    out.writeObjectPropertyStart(kind);
    out.writeStringProperty("id", id);
    out.writeNumberProperty("type_id", type);
    out.writeEndObject();
    out.writeEndObject();
  }

  private void special(int id) {
    String token = data.tokens().get(id);
    out.writeObjectPropertyStart(token);
    out.writeStringProperty("id", token);
    out.writeArrayPropertyStart("ids");
    out.writeNumber(id);
    out.writeEndArray();
    out.writeArrayPropertyStart("tokens");
    out.writeString(token);
    out.writeEndArray();
    out.writeEndObject();
  }

  private void model(boolean ignoreMerges, boolean byteFallback, OptionalInt unknown) {
    component("model", "BPE");
    out.writeNullProperty("dropout");
    if (unknown.isPresent()) {
      out.writeStringProperty("unk_token", data.tokens().get(unknown.getAsInt()));
    } else {
      out.writeNullProperty("unk_token");
    }
    out.writeNullProperty("continuing_subword_prefix");
    out.writeNullProperty("end_of_word_suffix");
    out.writeBooleanProperty("fuse_unk", unknown.isPresent());
    out.writeBooleanProperty("byte_fallback", byteFallback);
    out.writeBooleanProperty("ignore_merges", ignoreMerges);
    out.writeObjectPropertyStart("vocab");
    for (int id = 0; id < data.tokens().size(); id++) {
      if (data.type(id) != TokenizerData.UNUSED) {
        out.writeNumberProperty(data.tokens().get(id), id);
      }
    }
    out.writeEndObject();
    merges();
    out.writeEndObject();
  }

  private void merges() {
    out.writeArrayPropertyStart("merges");
    if (data.model().equals("llama")) {
      ScoredMerges.of(data).forEach(pair -> pair(pair.get(0), pair.get(1)));
    } else {
      for (String merge : data.merges()) {
        int space = merge.indexOf(' ', 1);
        if (space < 0) {
          throw new TextException("the merge '%s' is not a pair of tokens".formatted(merge));
        }
        pair(merge.substring(0, space), merge.substring(space + 1));
      }
    }
    out.writeEndArray();
  }

  private void pair(String left, String right) {
    out.writeStartArray();
    out.writeString(left);
    out.writeString(right);
    out.writeEndArray();
  }

  /** Begins a component that is a member; its caller ends it. */
  private void component(String name, String type) {
    out.writeObjectPropertyStart(name);
    out.writeStringProperty("type", type);
  }

  /** Begins a component that is an element of a list; its caller ends it. */
  private void element(String type) {
    out.writeStartObject();
    out.writeStringProperty("type", type);
  }

  private void sequence(String name, String members) {
    component(name, "Sequence");
    out.writeArrayPropertyStart(members);
  }

  private void endSequence() {
    out.writeEndArray();
    out.writeEndObject();
  }
}
