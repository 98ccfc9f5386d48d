package io.gatun.runtime.cli;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.UnsupportedException;

/** What {@code gatun train} teaches, with the defaults that suit it. */
enum TrainTask {
  /** To continue text. */
  LANGUAGE(2e-4, 512),
  /** To tell which labels a text has. */
  CLASSIFICATION(1e-3, 2048);

  /** Highest learning rate: a head that begins at random needs a higher one. */
  final double learningRate;

  /** Tokens computed at a time: most rows that are classified are short. */
  final int microBatchTokens;

  TrainTask(double learningRate, int microBatchTokens) {
    this.learningRate = learningRate;
    this.microBatchTokens = microBatchTokens;
  }

  /** The shape of a model for this task, before it is known which labels its rows have. */
  BaseConfig shape(Checkpoint checkpoint) {
    return switch (this) {
      case LANGUAGE -> decoder(checkpoint);
      case CLASSIFICATION -> ClassifierConfig.of(checkpoint, Labels.of(checkpoint));
    };
  }

  private static DecoderConfig decoder(Checkpoint checkpoint) {
    try {
      return DecoderConfig.of(checkpoint);
    } catch (UnsupportedException e) {
      throw new UsageException(
          e.getMessage() + "; to train a classifier, add --task classification");
    }
  }
}
