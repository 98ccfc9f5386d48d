package io.gatun.runtime.train;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import tools.jackson.databind.node.ObjectNode;

/** Where a run leaves its results. */
sealed interface RunOutput extends AutoCloseable permits RunFolder, RunOutput.Nowhere {
  /**
   * Opens the output of a plan.
   *
   * @param output the plan's
   * @return a folder, or nowhere
   */
  static RunOutput open(TrainingPlan.Output output) {
    return output.folder().isPresent()
        ? RunFolder.open(output.folder().get(), output.newest(), output.overwrite())
        : new Nowhere();
  }

  /**
   * Notes one object in metrics.jsonl.
   *
   * @param line the object
   */
  void metrics(ObjectNode line);

  /**
   * Saves the adapter as it is after a step.
   *
   * @param step optimizer steps done
   * @param save writes the adapter into an empty folder
   */
  void checkpoint(int step, Consumer<Path> save);

  /**
   * Saves the adapter as it is after a step, in place of the best before it.
   *
   * @param step optimizer steps done
   * @param save writes the adapter into an empty folder
   */
  void best(int step, Consumer<Path> save);

  /**
   * The newest checkpoint and the best, as far as there are any.
   *
   * @return their names
   */
  List<String> checkpoints();

  /**
   * Saves the trained adapter.
   *
   * @param save writes the adapter into an empty folder
   */
  void finish(Consumer<Path> save);

  @Override
  void close();

  /** Keeps nothing. */
  record Nowhere() implements RunOutput {
    @Override
    public void metrics(ObjectNode line) {}

    @Override
    public void checkpoint(int step, Consumer<Path> save) {}

    @Override
    public void best(int step, Consumer<Path> save) {}

    @Override
    public List<String> checkpoints() {
      return List.of();
    }

    @Override
    public void finish(Consumer<Path> save) {}

    @Override
    public void close() {}
  }
}
