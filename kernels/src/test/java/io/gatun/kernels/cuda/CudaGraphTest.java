package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Add;
import io.gatun.kernels.ops.Embedding;
import io.gatun.kernels.ops.MatMul;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Work that is recorded gives the bytes of work that is asked for. Products with weights of another
 * type prepare them on a second stream, which the recording takes in.
 */
class CudaGraphTest {
  private static final int SIZE = 16;

  private CudaDevice device;
  private Arena arena;
  private Matrix x;
  private Matrix w;
  private Matrix y;
  private CudaGraph graph;

  @BeforeEach
  void open() {
    CudaTests.require();
    device = CudaDevice.open(0);
    arena = Arena.ofConfined();
    x = matrix("x", DType.F32, SIZE);
    w = matrix("w", DType.BF16, SIZE);
    y = matrix("y", DType.F32, SIZE);
    HostCopy.write(x, normal(1));
    HostCopy.write(w, normal(2));
    graph = new CudaGraph(device, "steps", arena);
  }

  @AfterEach
  void close() {
    if (device != null) {
      arena.close();
      assertEquals(0, device.memory().allocated());
      device.close();
    }
  }

  private Matrix matrix(String name, DType dtype, int rows) {
    return Matrix.allocate(device, name, dtype, rows, SIZE, arena);
  }

  private static float[] normal(long seed) {
    var random = new Random(seed);
    var values = new float[SIZE * SIZE];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** y = x wT, x += y, y += x wT: an odd number of weights takes the two places by turns. */
  private void work() {
    MatMul.forward(x, w, y);
    Add.run(y, x);
    MatMul.forward(x, w, y);
    Add.run(y, x);
    MatMul.forward(x, w, y);
  }

  private float[] after(Runnable steps) {
    HostCopy.write(x, normal(1));
    steps.run();
    return HostCopy.readFloats(y);
  }

  @Test
  void aGraphGivesTheBytesOfItsWork() {
    float[] once = after(this::work);
    float[] twice =
        after(() -> {
          work();
          work();
        });
    graph.record(this::work);
    assertArrayEquals(once, after(graph::launch));
    assertArrayEquals(
        twice,
        after(() -> {
          graph.launch();
          graph.launch();
        }));
    assertArrayEquals(
        twice,
        after(() -> {
          graph.launch();
          work();
        }),
        "what works ahead waits for a graph");
    assertArrayEquals(
        twice,
        after(() -> {
          work();
          graph.launch();
        }));
  }

  /** A weight that a graph writes is read by what works ahead after it. */
  @Test
  void whatAGraphWritesIsReadAfterIt() {
    Matrix next = matrix("next", DType.BF16, SIZE);
    HostCopy.write(next, normal(3));
    after(this::work);
    graph.record(() -> Add.run(next, w));
    graph.launch();
    float[] changed = after(this::work);
    HostCopy.write(w, normal(2));
    Add.run(next, w);
    assertArrayEquals(changed, after(this::work));
  }

  private String refused(Runnable step) {
    var e =
        assertThrows(
            IllegalStateException.class,
            () ->
                graph.record(() -> {
                  work();
                  step.run();
                }));
    assertFalse(graph.isRecorded());
    return e.getMessage();
  }

  @Test
  void whatCannotBeRecordedIsRefusedAndNothingIsBroken() {
    float[] once = after(this::work);
    String says =
        " while a graph is being recorded (steps): what is recorded runs later and again, so do"
            + " this before or after";
    assertEquals("allocation of z" + says, refused(() -> matrix("z", DType.F32, 1)));
    assertEquals("upload to x" + says, refused(() -> HostCopy.write(x, normal(1))));
    assertEquals("download of y" + says, refused(() -> HostCopy.readFloats(y)));
    assertEquals("a wait" + says, refused(device::synchronize));
    assertEquals("recording another graph" + says, refused(() -> graph.record(this::work)));
    assertEquals(
        "the first use of soft_cap" + says, refused(() -> io.gatun.kernels.ops.SoftCap.run(x, 1)));
    assertThrows(IllegalStateException.class, graph::launch);
    assertArrayEquals(once, after(this::work));
    graph.record(this::work);
    assertArrayEquals(once, after(graph::launch));
  }

  /** The device's own memory grows when a larger weight comes, and has another address then. */
  @Test
  void aGraphWhoseScratchMovesIsRecordedAnew() {
    float[] once = after(this::work);
    graph.record(this::work);
    Matrix large = matrix("large", DType.BF16, 5 * SIZE);
    Matrix product = Matrix.allocate(device, "product", DType.F32, SIZE, 5 * SIZE, arena);
    MatMul.forward(x, large, product);
    assertFalse(graph.isRecorded());
    graph.record(this::work);
    assertArrayEquals(once, after(graph::launch));
    MatMul.forward(x, w, y);
    assertTrue(graph.isRecorded(), "what does not grow stays");
  }

  @Test
  void aGraphEndsWithTheMemoryThatItUses() {
    after(this::work);
    try (Arena shorter = Arena.ofConfined()) {
      Matrix z = Matrix.allocate(device, "z", DType.F32, SIZE, SIZE, shorter);
      graph.record(() -> Add.run(x, z));
      graph.launch();
      assertTrue(graph.isRecorded());
    }
    assertFalse(graph.isRecorded());
    var e = assertThrows(IllegalStateException.class, graph::launch);
    assertEquals("nothing is recorded as steps", e.getMessage());
  }

  /** The arena that ends the graph may end before the memory it uses. */
  @Test
  void aGraphEndsWithItsArena() {
    after(this::work);
    CudaGraph ended;
    try (Arena shorter = Arena.ofConfined()) {
      ended = new CudaGraph(device, "ended", shorter);
      ended.record(() -> Add.run(x, y));
      assertEquals(0L, device.memory().byName().get("ended"));
    }
    assertFalse(ended.isRecorded());
    assertThrows(IllegalStateException.class, ended::launch);
  }

  @Test
  void aLaunchTakesNothingOfTheJavaHeap() {
    after(this::work);
    graph.record(this::work);
    var heap = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long allocated = 0;
    for (int round = 0; round < 20; round++) {
      long before = heap.getCurrentThreadAllocatedBytes();
      graph.launch();
      graph.launch();
      allocated = heap.getCurrentThreadAllocatedBytes() - before;
    }
    assertEquals(0, allocated);
  }

  @Test
  void whatIsInAGraphIsTold() {
    after(this::work);
    graph.record(() -> {
      work();
      device.zero(y.buffer());
    });
    assertEquals("a graph of 2 x add, 3 x cast, 3 x mat_mul, 1 x zero", graph.toString());
    assertEquals(Map.of("steps", 0L), Map.of("steps", device.memory().byName().get("steps")));
  }

  /** As of a kernel that is launched: the next download or wait throws, each time. */
  @Test
  void anIdOutsideItsTableIsToldAfterAGraph() {
    var ids = Ints.allocate(device, "ids", SIZE, arena);
    Consumer<Integer> last =
        id -> {
          var list = new int[SIZE];
          list[SIZE - 1] = id;
          HostCopy.write(ids, list);
        };
    last.accept(3);
    Runnable gather = () -> Embedding.forward(x, ids, 1, y);
    gather.run();
    graph.record(gather);
    for (int time = 0; time < 2; time++) {
      last.accept(SIZE);
      graph.launch();
      var e = assertThrows(DeviceException.class, () -> HostCopy.readFloats(y));
      assertTrue(e.getMessage().contains("outside its table"), e.getMessage());
      last.accept(3);
      graph.launch();
      assertEquals(normal(1)[3 * SIZE], HostCopy.readFloats(y)[(SIZE - 1) * SIZE]);
    }
  }
}
