/**
 * Text from a model: choosing tokens, running several prompts in one batch, streaming pieces of
 * text.
 *
 * <p>Knows tokens, logits and stop conditions. Must not know files, training or the command line.
 * Called by the command line and by whoever embeds Gatun.
 */
package io.gatun.runtime.generate;
