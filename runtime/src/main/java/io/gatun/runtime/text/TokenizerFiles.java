package io.gatun.runtime.text;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Everything about a tokenizer that its files say, whichever files they are.
 *
 * @param origin the file, for messages
 * @param json the text of a tokenizer.json
 * @param specialTokens special tokens by the names that chat templates use, such as bos_token
 * @param bos the id of the first token of a text, where the files give it by number
 * @param eos the id of the last token of a text, likewise
 * @param pad the id of the padding token, likewise
 * @param ends further ids that end a turn
 * @param chatTemplate Jinja source
 */
record TokenizerFiles(
    String origin,
    String json,
    Map<String, String> specialTokens,
    OptionalInt bos,
    OptionalInt eos,
    OptionalInt pad,
    Set<Integer> ends,
    Optional<String> chatTemplate) {}
