package io.gatun.runtime.cli;

import io.gatun.kernels.CudaFindings;
import io.gatun.kernels.Device;
import io.gatun.runtime.hub.Hub;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What {@code gatun doctor} finds.
 *
 * @param findings in the order in which they are shown
 * @param cpuWorks whether the CPU can be used
 * @param gpuWorks whether a GPU can be used
 */
record Examination(List<Finding> findings, boolean cpuWorks, boolean gpuWorks) {
  /**
   * One thing.
   *
   * @param what it is
   * @param text what was found, or what was tried and what to do
   * @param good whether it is as it should be
   */
  record Finding(String what, String text, boolean good) {}

  /** Looks at everything; nothing that is missing makes it fail. */
  static Examination run() {
    var findings = new ArrayList<Finding>();
    findings.add(good("Java", java()));
    var cpu = cpu();
    findings.add(cpu);
    var cuda = CudaFindings.look();
    for (var library : cuda.libraries()) {
      var version = library.version().isEmpty() ? "" : " (CUDA %s)".formatted(library.version());
      findings.add(new Finding(library.name(), library.text() + version, library.found()));
    }
    for (var gpu : cuda.gpus()) {
      var text =
          "%s, compute capability %s, %s"
              .formatted(gpu.name(), gpu.capability(), Sizes.text(gpu.memory()));
      findings.add(good("GPU " + gpu.ordinal(), text));
    }
    findings.add(folder("cache", cuda.cache()));
    findings.add(hub());
    return new Examination(findings, cpu.good(), cuda.refusal().isEmpty()).with(verdict(cuda));
  }

  private Examination with(Finding last) {
    var all = new ArrayList<>(findings);
    all.add(last);
    return new Examination(List.copyOf(all), cpuWorks, gpuWorks);
  }

  /** What to show, a line each, marked where something is not as it should be. */
  List<String> lines() {
    int width = findings.stream().mapToInt(f -> f.what().length()).max().orElseThrow();
    return findings.stream()
        .map(f -> "%s %s  %s".formatted(f.good() ? " " : "!", padded(f.what(), width), f.text()))
        .toList();
  }

  private static String padded(String text, int width) {
    return text + " ".repeat(width - text.length());
  }

  private static Finding good(String what, String text) {
    return new Finding(what, text, true);
  }

  private static String java() {
    return "%s (%s) on %s %s, %s"
        .formatted(
            System.getProperty("java.vm.version"),
            System.getProperty("java.vendor"),
            System.getProperty("os.name"),
            System.getProperty("os.arch"),
            System.getProperty("java.home"));
  }

  private static Finding cpu() {
    try (Device device = Device.cpu()) {
      var variants =
          Device.CpuVariant.available().stream().map(Enum::name).collect(Collectors.joining(", "));
      var text = "%s; kernels for it: %s; %s of memory";
      return good("CPU", text.formatted(device, variants, Sizes.text(device.memory().capacity())));
    } catch (RuntimeException e) {
      return new Finding("CPU", "cannot be used: " + Messages.of(e), false);
    }
  }

  private static Finding verdict(CudaFindings cuda) {
    return cuda.refusal()
        .map(why -> new Finding("--device cuda", "cannot be used: " + reason(cuda, why), false))
        .orElseGet(() -> good("--device cuda", "can be used"));
  }

  /** A library that is missing was described before. */
  private static String reason(CudaFindings cuda, String refusal) {
    return cuda.libraries().stream()
        .filter(library -> library.text().equals(refusal))
        .map(library -> library.name() + " is missing")
        .findFirst()
        .orElse(refusal);
  }

  private static Finding hub() {
    try {
      return folder("hub cache", Hub.fromEnvironment().cache());
    } catch (RuntimeException e) {
      return new Finding("hub cache", Messages.of(e), false);
    }
  }

  private static Finding folder(String what, Path folder) {
    var nearest = folder.toAbsolutePath();
    while (nearest.getParent() != null && !Files.exists(nearest)) {
      nearest = nearest.getParent();
    }
    if (!Files.isDirectory(nearest)) {
      return new Finding(what, "%s: %s is no folder".formatted(folder, nearest), false);
    }
    if (!Files.isWritable(nearest)) {
      return new Finding(what, "%s: %s cannot be written".formatted(folder, nearest), false);
    }
    var size = nearest.equals(folder.toAbsolutePath()) ? Sizes.text(size(folder)) : "not there yet";
    return good(what, "%s: %s".formatted(folder, size));
  }

  /** Of all files, without those that end while they are counted. */
  private static long size(Path folder) {
    try (var files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).mapToLong(Examination::length).sum();
    } catch (IOException | UncheckedIOException e) {
      return 0;
    }
  }

  private static long length(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      return 0;
    }
  }
}
