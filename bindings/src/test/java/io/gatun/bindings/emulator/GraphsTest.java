package io.gatun.bindings.emulator;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.cuda.Cuda;
import java.lang.foreign.MemorySegment;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Work is recorded and runs later; what cannot be recorded is refused, and what is not ordered. */
class GraphsTest {
  private static final String ADD =
      """
      extern "C" __global__ void __launch_bounds__(32) add(const float* x, float* y, u32 n) {
        if (threadIdx.x < n) y[threadIdx.x] += x[threadIdx.x];
      }
      """;

  private Emulator e;
  private MemorySegment kernel;
  private MemorySegment other;
  private MemorySegment event;
  private MemorySegment out;
  private long x;
  private long y;

  @BeforeEach
  void open() {
    e = Emulator.open();
    kernel = e.kernel("add.cu", "add", ADD);
    x = e.floats("x", 1, 2, 3, 4);
    y = e.floats("y", 0, 0, 0, 0);
    other = e.newStream();
    event = e.newEvent();
    out = e.arena.allocate(ADDRESS);
  }

  @AfterEach
  void close() {
    if (e != null) {
      e.close();
    }
  }

  /** Before a test that leaves nothing behind ends. */
  private void giveBack() {
    e.check(Cuda.cuEventDestroy_v2(event));
    e.check(Cuda.cuStreamDestroy_v2(other));
  }

  private void refused(int code, int expected, String says) {
    String message = e.message(code);
    assertEquals(expected, code, message);
    assertTrue(message.contains(says), message);
  }

  private void begin() {
    e.check(Cuda.cuStreamBeginCapture_v2(e.stream, Cuda.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL()));
  }

  private MemorySegment end() {
    e.check(Cuda.cuStreamEndCapture(e.stream, out));
    var graph = out.get(ADDRESS, 0);
    e.check(Cuda.cuGraphInstantiateWithFlags(out, graph, 0));
    e.check(Cuda.cuGraphDestroy(graph));
    return out.get(ADDRESS, 0);
  }

  private void add(MemorySegment on, long from, long to) {
    e.check(e.launch(on, kernel, 1, 1, 32, 0, from, to, 4));
  }

  private void order(MemorySegment first, MemorySegment second) {
    e.check(Cuda.cuEventRecord(event, first));
    e.check(Cuda.cuStreamWaitEvent(second, event, 0));
  }

  @Test
  void whatIsRecordedRunsWhenItIsLaunchedAndAgain() {
    begin();
    add(e.stream, x, y);
    e.check(Cuda.cuMemsetD32Async(x, Float.floatToRawIntBits(10), 1, e.stream));
    var graph = end();
    e.check(e.synchronize());
    assertArrayEquals(new float[4], e.read(y, 4));
    e.check(Cuda.cuGraphLaunch(graph, e.stream));
    e.check(Cuda.cuGraphLaunch(graph, e.stream));
    e.check(e.synchronize());
    assertArrayEquals(new float[] {11, 4, 6, 8}, e.read(y, 4));
    e.check(Cuda.cuGraphExecDestroy(graph));
    giveBack();
  }

  /** A branch that an event leads to, and another that leads back. */
  @Test
  void streamsThatWaitForARecordedEventAreRecordedToo() {
    begin();
    order(e.stream, other);
    add(other, x, y);
    order(other, e.stream);
    add(e.stream, y, x);
    var graph = end();
    add(other, x, x);
    e.check(Cuda.cuStreamSynchronize(other));
    e.check(Cuda.cuGraphLaunch(graph, e.stream));
    e.check(e.synchronize());
    assertArrayEquals(new float[] {4, 8, 12, 16}, e.read(x, 4));
    e.check(Cuda.cuGraphExecDestroy(graph));
    giveBack();
  }

  /** The same, without the wait of the second branch for the first. */
  @Test
  void branchesThatDoNotWaitForEachOtherAreARace() {
    begin();
    order(e.stream, other);
    add(e.stream, x, y);
    add(other, y, x);
    order(other, e.stream);
    var graph = end();
    e.check(Cuda.cuGraphLaunch(graph, e.stream));
    refusedLater(e.synchronize(), "race with a write by kernel add of a graph on stream");
  }

  /** Work after a launch, on a stream that does not wait for it. */
  @Test
  void aStreamThatDoesNotWaitForAGraphIsARace() {
    begin();
    add(e.stream, x, y);
    var graph = end();
    e.check(Cuda.cuGraphLaunch(graph, e.stream));
    add(other, y, x);
    e.check(Cuda.cuStreamSynchronize(e.stream));
    refusedLater(
        Cuda.cuStreamSynchronize(other), "race with a write by kernel add of a graph on stream");
  }

  private void refusedLater(int code, String says) {
    assertNotEquals(0, code, "not caught");
    String message = e.message(code);
    assertTrue(message.contains(says), message);
  }

  private void voids(IntSupplier call, int expected, String says) {
    begin();
    refused(call.getAsInt(), expected, says);
    refused(
        e.launch(kernel, 1, 32, x, y, 4),
        Cuda.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED(),
        "the recording is void since something was refused");
    refused(
        Cuda.cuStreamEndCapture(e.stream, out),
        Cuda.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED(),
        "the recording is void");
    assertEquals(0, out.get(JAVA_LONG, 0), "no graph");
  }

  @Test
  void whatCannotBeRecordedIsRefused() {
    int unsupported = Cuda.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED();
    var host = e.arena.allocate(16);
    var address = e.arena.allocate(JAVA_LONG);
    voids(() -> Cuda.cuStreamSynchronize(e.stream), unsupported, "cuStreamSynchronize of a stream");
    voids(() -> Cuda.cuStreamQuery(e.stream), unsupported, "cuStreamQuery of a stream");
    voids(Cuda::cuCtxSynchronize, unsupported, "cuCtxSynchronize cannot be recorded");
    voids(() -> Cuda.cuMemAlloc_v2(address, 8), unsupported, "an allocation cannot be recorded");
    voids(() -> Cuda.cuMemAllocAsync(address, 8, e.stream), unsupported, "an allocation");
    voids(() -> Cuda.cuMemHostAlloc(address, 8, 0), unsupported, "cuMemHostAlloc");
    voids(() -> Cuda.cuMemFree_v2(y), unsupported, "free of y");
    voids(() -> Cuda.cuMemFreeAsync(y, e.stream), unsupported, "cuMemFreeAsync");
    voids(() -> Cuda.cuMemcpyDtoH_v2(host, y, 16), unsupported, "copy to the host from y");
    voids(() -> Cuda.cuMemcpyHtoD_v2(y, host, 16), unsupported, "copy from the host to y");
    assertEquals(0, e.read(y, 1)[0]);
    giveBack();
  }

  @Test
  void eventsBelongToTheRecordingOrNot() {
    e.check(Cuda.cuEventRecord(event, e.stream));
    voids(
        () -> Cuda.cuStreamWaitEvent(e.stream, event, 0),
        Cuda.CUDA_ERROR_STREAM_CAPTURE_ISOLATION(),
        "waits for an event of work that is not");
    begin();
    e.check(Cuda.cuEventRecord(event, e.stream));
    e.check(Cuda.cuGraphExecDestroy(end()));
    String says = "a wait for an event that was recorded into a graph";
    int captured = Cuda.CUDA_ERROR_CAPTURED_EVENT();
    refused(Cuda.cuStreamWaitEvent(other, event, 0), captured, says);
    refused(Cuda.cuEventSynchronize(event), captured, says);
    refused(Cuda.cuEventQuery(event), captured, says);
    e.check(Cuda.cuEventRecord(event, e.stream));
    e.check(Cuda.cuEventSynchronize(event));
    giveBack();
  }

  @Test
  void aRecordingEndsWhereItBeganAndWaitsForItsBranches() {
    begin();
    order(e.stream, other);
    refused(
        Cuda.cuStreamEndCapture(other, out),
        Cuda.CUDA_ERROR_STREAM_CAPTURE_UNMATCHED(),
        "the recording did not begin with this stream");
    assertNotEquals(0, Cuda.cuStreamEndCapture(e.stream, out));
    begin();
    order(e.stream, other);
    add(other, x, y);
    refused(
        Cuda.cuStreamEndCapture(e.stream, out),
        Cuda.CUDA_ERROR_STREAM_CAPTURE_UNJOINED(),
        "does not wait for all the work that was recorded on others");
    giveBack();
  }

  @Test
  void memoryThatAGraphUsesIsGone() {
    long late = e.floats("late", 1, 2, 3, 4);
    begin();
    add(e.stream, late, y);
    var graph = end();
    e.check(Cuda.cuMemFree_v2(late));
    e.forget(late);
    e.check(Cuda.cuGraphLaunch(graph, e.stream));
    refusedLater(e.synchronize(), "use after free: read of 4 bytes at offset 0 of allocation late");
  }

  /** A graph that runs is not ended by its destruction. */
  @Test
  void aGraphThatIsDestroyedRunsToItsEnd() {
    begin();
    add(e.stream, x, y);
    var graph = end();
    e.check(Cuda.cuGraphLaunch(graph, e.stream));
    e.check(Cuda.cuGraphExecDestroy(graph));
    e.check(e.synchronize());
    assertEquals(4, e.read(y, 4)[3]);
    refused(
        Cuda.cuGraphLaunch(graph, e.stream),
        Cuda.CUDA_ERROR_INVALID_HANDLE(),
        "no such executable graph");
    giveBack();
  }

  /** The copy sees what lies in pinned memory when it runs. */
  @Test
  void copiesReadWhatIsThereAtTheLaunch() {
    e.check(Cuda.cuMemHostAlloc(out, 16, 0));
    var host = out.get(ADDRESS, 0).reinterpret(16);
    begin();
    e.check(Cuda.cuMemcpyHtoDAsync_v2(x, host, 16, e.stream));
    e.check(Cuda.cuMemcpyDtoDAsync_v2(y, x, 16, e.stream));
    var graph = end();
    for (int time = 1; time < 3; time++) {
      host.setAtIndex(JAVA_FLOAT, 3, time);
      e.check(Cuda.cuGraphLaunch(graph, e.stream));
      e.check(e.synchronize());
      assertEquals(time, e.read(y, 4)[3]);
    }
    e.check(Cuda.cuGraphExecDestroy(graph));
    e.check(Cuda.cuMemFreeHost(host));
    giveBack();
  }
}
