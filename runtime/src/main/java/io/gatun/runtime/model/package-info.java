/**
 * The decoder: its shape ({@link io.gatun.runtime.model.DecoderConfig}), packed batches, and the
 * tables of memory. Families of models differ by values of the configuration; a class here needs
 * mathematics of its own, never a family's name.
 */
package io.gatun.runtime.model;
