/**
 * LoRA adapters: what one is ({@link io.gatun.runtime.adapter.LoraConfig}), which layers it
 * changes, its parameters in one flat row, how it acts on a product ({@link
 * io.gatun.runtime.adapter.LoraLinear}), its files as PEFT reads and writes them, and merging into
 * the base. The adapter of a classifier holds the classifier's head, and its folder the labels.
 *
 * <p>An adapter is a value that is handed to a pass. Nothing here wraps, patches or switches a
 * model. Called by the decoder's blocks, by training and by the command line.
 */
package io.gatun.runtime.adapter;
