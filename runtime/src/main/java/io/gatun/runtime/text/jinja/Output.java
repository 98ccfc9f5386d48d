package io.gatun.runtime.text.jinja;

import java.util.ArrayList;
import java.util.List;

/** Text that a body writes, and which of it {@code {% generation %}} blocks wrote. */
final class Output {
  private final Run run;
  private final StringBuilder text = new StringBuilder();
  private final List<Rendering.Range> generated = new ArrayList<>();

  Output(Run run) {
    this.run = run;
  }

  void write(String s) {
    run.checkLength((long) text.length() + s.length());
    text.append(s);
  }

  int length() {
    return text.length();
  }

  /** Marks the text since {@code start} as generated. */
  void generated(int start) {
    generated.add(new Rendering.Range(start, text.length()));
  }

  String text() {
    return text.toString();
  }

  Rendering rendering() {
    return new Rendering(text(), List.copyOf(generated));
  }
}
