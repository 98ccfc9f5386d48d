package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;

import io.gatun.bindings.cuda.Cuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Work that is recorded once and then asked for as a whole, by one call of the driver, as often as
 * one likes. Addresses and numbers are those of the recording: what changes from one time to the
 * next lies in memory. When memory that it uses is freed, or the device's own has to grow, the
 * recording is gone and can be made anew.
 */
public final class CudaGraph {
  private final CudaDevice device;
  private final String name;
  private final CudaBuffer life; // ends with the arena, and the recording with it
  private final MemorySegment out;
  private final Set<CudaBuffer> buffers = Collections.newSetFromMap(new IdentityHashMap<>());
  private final Map<String, Integer> operations = new TreeMap<>();
  private MemorySegment executable = MemorySegment.NULL;

  /**
   * An empty graph.
   *
   * @param device where
   * @param name what it does, for messages and tables of memory
   * @param owner ends it
   */
  public CudaGraph(CudaDevice device, String name, Arena owner) {
    this.device = device;
    this.name = name;
    life = device.own(device.allocate(name, 0, owner));
    out = Arena.ofAuto().allocate(ADDRESS);
  }

  String name() {
    return name;
  }

  /**
   * Whether it can be launched.
   *
   * @return false before the first recording, and when memory that it uses is gone
   */
  public boolean isRecorded() {
    return executable.address() != 0;
  }

  /**
   * Whether somebody wants to see each operation for itself.
   *
   * @return true while the device is being profiled or waited for after each launch
   */
  public boolean isWatched() {
    return device.context.profile().on() || device.errors().syncEveryLaunch();
  }

  /**
   * Records work instead of doing it.
   *
   * @param work launches, products, copies and zeroing on this device
   * @throws IllegalStateException when the work allocates, waits, or moves bytes from or to the
   *     host; then nothing is recorded
   */
  public void record(Runnable work) {
    device.guarded(() -> {
      drop();
      var graph = recorded(work);
      int code = Cuda.cuGraphInstantiateWithFlags(out, graph, 0);
      Cuda.cuGraphDestroy(graph);
      device.context.check(code, this + " cannot be made");
      executable = out.get(ADDRESS, 0);
      device.context.graphs().add(this);
      return this;
    });
  }

  private MemorySegment recorded(Runnable work) {
    var context = device.context;
    context.graphs().begin(this);
    try {
      uses(life);
      context.beginRecording();
      try {
        work.run();
      } catch (RuntimeException | Error e) {
        if (context.endRecording(out) == 0) {
          Cuda.cuGraphDestroy(out.get(ADDRESS, 0));
        }
        buffers.clear();
        throw e;
      }
    } finally {
      context.graphs().end();
    }
    context.check(context.endRecording(out), this + " cannot be recorded");
    return out.get(ADDRESS, 0);
  }

  /**
   * Does what was recorded, after all that was asked for so far.
   *
   * @throws IllegalStateException when nothing is recorded
   */
  public void launch() {
    device.enter();
    try {
      life.pointer(); // throws where the memory is gone, or belongs to another thread
      if (!isRecorded()) {
        throw new IllegalStateException("nothing is recorded as " + name);
      }
      device.context.graphs().refuse("a launch of a graph");
      device.context.aheadAfterGraph();
      int code = Cuda.cuGraphLaunch(executable, device.context.work());
      device.errors().launched(name, code, this);
      device.errors().watch();
    } finally {
      device.leave();
    }
  }

  void uses(CudaBuffer buffer) {
    buffers.add(buffer);
  }

  void asked(String operation) {
    operations.merge(operation, 1, Integer::sum);
  }

  void freed(CudaBuffer buffer) {
    if (buffers.contains(buffer)) {
      drop();
    }
  }

  /** Ends the recording, if there is one. */
  public void forget() {
    device.guarded(() -> {
      drop();
      return this;
    });
  }

  private void drop() {
    if (isRecorded()) {
      Cuda.cuGraphExecDestroy(executable);
      device.context.graphs().remove(this);
    }
    executable = MemorySegment.NULL;
    buffers.clear();
    operations.clear();
  }

  /** What is in it: "a graph of 12 x add, 3 x cast". */
  @Override
  public String toString() {
    return operations.entrySet().stream()
        .map(o -> o.getValue() + " x " + o.getKey())
        .collect(Collectors.joining(", ", "a graph of ", ""));
  }
}
