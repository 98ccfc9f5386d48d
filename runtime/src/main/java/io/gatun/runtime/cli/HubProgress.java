package io.gatun.runtime.cli;

import io.gatun.runtime.hub.HubListener;
import java.io.PrintStream;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarStyle;

/** Shows downloads: a bar on a terminal, a line for each file and tenth anywhere else. */
final class HubProgress implements HubListener, AutoCloseable {
  private static final int STEPS = 10;

  private final PrintStream out;
  private final boolean terminal;
  private Optional<ProgressBar> bar = Optional.empty();
  private String file = "";
  private long step;

  /** Shows them there, as it fits the process. */
  HubProgress(PrintStream out) {
    this(out, System.console() != null && System.console().isTerminal());
  }

  HubProgress(PrintStream out, boolean terminal) {
    this.out = out;
    this.terminal = terminal;
  }

  @Override
  public void transfer(String file, long done, long total) {
    if (terminal) {
      move(file, done, total);
    } else {
      print(file, done, total);
    }
  }

  private void move(String file, long done, long total) {
    if (bar.isEmpty() || bar.get().getMax() != total) {
      close();
      bar =
          Optional.of(
              ProgressBar.builder()
                  .setTaskName("download")
                  .setInitialMax(total)
                  .setUnit(" MB", 1_000_000)
                  .showSpeed()
                  .setStyle(ProgressBarStyle.ASCII)
                  .setConsumer(new ConsoleProgressBarConsumer(out))
                  .setUpdateIntervalMillis(500)
                  .build());
    }
    bar.get().setExtraMessage(" " + file).stepTo(done);
  }

  private void print(String file, long done, long total) {
    long reached = total == 0 ? STEPS : done * STEPS / total;
    if (!file.equals(this.file) || reached != step) {
      out.printf("download %s: %s of %s%n", file, Sizes.text(done), Sizes.text(total));
    }
    this.file = file;
    step = reached;
  }

  @Override
  public void notice(String sentence) {
    out.println("gatun: " + sentence);
  }

  /** Leaves the last state of the bar on its line. */
  @Override
  public void close() {
    bar.ifPresent(ProgressBar::close);
    bar = Optional.empty();
  }
}
