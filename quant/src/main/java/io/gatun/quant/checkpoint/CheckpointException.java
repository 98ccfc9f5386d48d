package io.gatun.quant.checkpoint;

import java.nio.file.Path;
import java.util.List;

/**
 * What is wrong with a checkpoint: every problem that was found, each one sentence. A problem names
 * its file where it is not the file of the exception itself.
 */
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final int SHOWN = 50;

  private final transient Path path;
  private final transient List<String> problems;

  /**
   * One problem.
   *
   * @param path the file or folder
   * @param problem a sentence
   */
  public CheckpointException(Path path, String problem) {
    this(path, List.of(problem));
  }

  /**
   * All problems.
   *
   * @param path the file or folder
   * @param problems a sentence each; at least one
   */
  public CheckpointException(Path path, List<String> problems) {
    super(message(path, problems));
    this.path = path;
    this.problems = List.copyOf(problems);
  }

  /** {@return the file or folder as it was opened} */
  public Path path() {
    return path;
  }

  /** {@return every problem, without the path in front} */
  public List<String> problems() {
    return problems;
  }

  private static String message(Path path, List<String> problems) {
    if (problems.size() == 1) {
      return path + ": " + problems.getFirst();
    }
    var text = new StringBuilder(path + ": " + problems.size() + " problems");
    problems.stream().limit(SHOWN).forEach(p -> text.append("\n  - ").append(p));
    if (problems.size() > SHOWN) {
      text.append("\n  and ").append(problems.size() - SHOWN).append(" more");
    }
    return text.toString();
  }
}
