package io.gatun.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The recorded graphs of a device, and the one that is being recorded. Under the device's lock. */
final class CudaGraphs {
  private final List<CudaGraph> recorded = new ArrayList<>();
  private Optional<CudaGraph> recording = Optional.empty();

  void begin(CudaGraph graph) {
    refuse("recording another graph");
    recording = Optional.of(graph);
  }

  void end() {
    recording = Optional.empty();
  }

  /** Before something that the driver cannot record, or that would not be the same again. */
  void refuse(String what) {
    if (recording.isPresent()) {
      throw new IllegalStateException(
          "%s while a graph is being recorded (%s): what is recorded runs later and again, so do this before or after"
              .formatted(what, recording.get().name()));
    }
  }

  /** A buffer whose address an operation is given. */
  void uses(CudaBuffer buffer) {
    if (recording.isPresent()) {
      recording.get().uses(buffer);
    }
  }

  /** After an operation was asked for. */
  void asked(String operation) {
    if (recording.isPresent()) {
      recording.get().asked(operation);
    }
  }

  void add(CudaGraph graph) {
    recorded.add(graph);
  }

  void remove(CudaGraph graph) {
    recorded.remove(graph);
  }

  /** Before a buffer is freed: graphs with its address in them must not run again. */
  void freed(CudaBuffer buffer) {
    for (var graph : List.copyOf(recorded)) {
      graph.freed(buffer);
    }
  }
}
