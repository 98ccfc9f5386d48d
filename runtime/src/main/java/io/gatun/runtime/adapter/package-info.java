/**
 * LoRA adapters: what one is ({@link io.gatun.runtime.adapter.LoraConfig}), which layers it
 * changes, and its configuration file as PEFT reads and writes it.
 */
package io.gatun.runtime.adapter;
