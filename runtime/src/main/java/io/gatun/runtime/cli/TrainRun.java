package io.gatun.runtime.cli;

import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.train.Training;
import io.gatun.runtime.train.TrainingListener;
import io.gatun.runtime.train.TrainingPlan;
import io.gatun.runtime.train.TrainingResult;

/** A model, a new adapter and rows, ready to train. */
sealed interface TrainRun {
  /** What is trained. */
  LoraAdapter adapter();

  /** Trains it. */
  TrainingResult run(TrainingPlan plan, TrainingListener listener);

  /** A decoder that learns to continue text. */
  record OfLanguage(Decoder decoder, LoraAdapter adapter, DataOptions.Rows rows)
      implements TrainRun {
    @Override
    public TrainingResult run(TrainingPlan plan, TrainingListener listener) {
      return Training.run(decoder, adapter, rows.training(), rows.heldOut(), plan, listener);
    }
  }

  /** A classifier that learns the labels of rows. */
  record OfClassifier(Classifier classifier, LoraAdapter adapter, DataOptions.LabelledRows rows)
      implements TrainRun {
    @Override
    public TrainingResult run(TrainingPlan plan, TrainingListener listener) {
      return Training.run(classifier, adapter, rows.training(), rows.heldOut(), plan, listener);
    }
  }
}
