package io.gatun.runtime.cli;

import io.gatun.quant.WeightFormat;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * A kind of model whose merged outputs are compared with those of its adapter beside it.
 *
 * @param <M> such a model
 * @param <O> what it makes of the texts
 */
interface Verification<M, O> {
  /** The base, computing in fp32. */
  M load(WeightFormat format, Arena arena);

  /** What a base makes of the texts with the adapter beside it. */
  O unmerged(M base);

  /** What it makes of them with the adapter merged into it. */
  O merged(M base, WeightFormat kept);

  /** What is compared, in words. */
  String subject();

  /** Names of the columns. */
  String header();

  /** How far the outputs of a merged model are from the reference. */
  List<String> lines(String name, O reference, O merged);
}
