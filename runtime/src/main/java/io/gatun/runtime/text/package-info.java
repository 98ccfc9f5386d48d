/**
 * Text in and out of a model: the tokenizer of a checkpoint, its chat template, and text pieces
 * while tokens are generated.
 *
 * <p>What lives here: reading tokenizer files (a Hugging Face folder's or a GGUF file's metadata),
 * tokens to text and back, rendering conversations, and which of a conversation's characters and
 * tokens the assistant wrote.
 *
 * <p>What must not: anything that knows a model, a batch or a device. The native tokenizer library
 * is touched in one class, {@code NativeTokenizer}, which also sees to it that nothing here ever
 * uses the network. The text of a message is never evaluated.
 *
 * <p>Who may call: everybody.
 */
package io.gatun.runtime.text;
