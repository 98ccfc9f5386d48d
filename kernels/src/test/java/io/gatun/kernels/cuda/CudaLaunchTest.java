package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.sun.management.ThreadMXBean;
import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cuda.CudaModules.Loaded;
import io.gatun.kernels.cuda.CudaSignature.Parameter;
import io.gatun.kernels.cuda.CudaSignature.Type;
import io.gatun.kernels.ops.Add;
import io.gatun.kernels.ops.RmsNorm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Arguments are checked against the kernel's source by name, type and number. */
class CudaLaunchTest {
  private static final String HEAD = "extern \"C\" __global__ void __launch_bounds__(1)";
  private static final String SOURCE =
      """
      // extern "C" __global__ void __launch_bounds__(1) scale(int wrong) is not a declaration
      extern "C" __global__ void __launch_bounds__(128) scale(Matrix x,  // what is read
          const float* __restrict__ table, float factor, int add, i64 count, u8 *codes) {
      """;

  private CudaDevice device;
  private Arena arena;
  private Matrix x;

  @BeforeEach
  void open() {
    CudaTests.require();
    device = CudaDevice.open(0);
    arena = Arena.ofConfined();
    x = Matrix.allocate(device, "x", DType.F32, 3, 5, arena);
  }

  @AfterEach
  void close() {
    if (device != null) {
      arena.close();
      device.close();
    }
  }

  @Test
  void signaturesAreRead() {
    var expected =
        List.of(
            new Parameter(Type.MATRIX, "x", 0),
            new Parameter(Type.POINTER, "table", 40),
            new Parameter(Type.FLOAT, "factor", 48),
            new Parameter(Type.INT, "add", 52),
            new Parameter(Type.LONG, "count", 56),
            new Parameter(Type.POINTER, "codes", 64));
    assertEquals(new CudaSignature("scale", 128, expected), CudaSignature.read(SOURCE, "scale"));
    assertThrows(DeviceException.class, () -> CudaSignature.read(SOURCE, "absent"));
    String strange = SOURCE.replace("int add", "double add");
    assertThrows(DeviceException.class, () -> CudaSignature.read(strange, "scale"));
  }

  private String refused(Consumer<CudaLaunch> arguments) {
    return assertThrows(
            IllegalStateException.class,
            () -> {
              var launch = device.launch(CudaKernel.ADD);
              arguments.accept(launch);
              launch.enqueue(1);
            })
        .getMessage();
  }

  @Test
  void argumentsInTheWrongOrderNumberOrOfTheWrongTypeAreRefused() {
    String add = "the kernel is add(MATRIX x, MATRIX ySum)";
    assertEquals(
        "argument 0 is MATRIX ySum, " + add, refused(l -> l.matrix("ySum", x).matrix("x", x)));
    assertEquals(
        "argument 1 is POINTER ySum, " + add,
        refused(l -> l.matrix("x", x).pointer("ySum", x.buffer(), 0)));
    assertEquals("argument 1 is INT n, " + add, refused(l -> l.matrix("x", x).integer("n", 1)));
    assertEquals(
        "argument 2 is FLOAT z, " + add,
        refused(l -> l.matrix("x", x).matrix("ySum", x).number("z", 1)));
    assertEquals("1 arguments for add(MATRIX x, MATRIX ySum)", refused(l -> l.matrix("x", x)));
  }

  private CudaLaunch begin(String source, String kernel) {
    var signature = CudaSignature.read(source, kernel);
    return device.launch(CudaKernel.ADD).begin(new Loaded(MemorySegment.NULL, signature));
  }

  /** The C layout: offsets are multiples of each type's alignment. */
  @Test
  void argumentsLieAsInAStruct() {
    var launch =
        begin(SOURCE, "scale")
            .matrix("x", x)
            .pointer("table", x.buffer(), 4)
            .number("factor", 2)
            .integer("add", 1)
            .count("count", 7)
            .absent("codes");
    launch.arguments().complete(device);
    assertEquals(
        "x at byte 0: 3x5 F32 of buffer x; table at byte 40: 56 bytes of buffer x",
        launch.arguments().toString());
  }

  /** One that is given up leaves nothing behind, and may lie around another. */
  @Test
  void launchesDoNotDisturbEachOther() {
    HostCopy.write(x, new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
    var outer = device.launch(CudaKernel.ADD).matrix("x", x);
    device.launch(CudaKernel.CAST).matrix("from", x);
    Matrix y = Matrix.allocate(device, "y", DType.F32, 3, 5, arena);
    Add.run(x, y);
    outer.matrix("ySum", y).enqueue(1);
    assertEquals(30, HostCopy.readFloats(y)[14]);
    arena.close();
    assertEquals(Map.of(), device.memory().byName());
    arena = Arena.ofConfined();
  }

  /** The last of some rounds, in which classes are linked; compiled or not. */
  @Test
  void aLaunchTakesNothingOfTheJavaHeap() {
    Matrix y = Matrix.allocate(device, "y", DType.F32, 3, 5, arena);
    Matrix norm = Matrix.allocate(device, "norm", DType.F32, 1, 5, arena);
    Matrix rstd = Matrix.allocate(device, "rstd", DType.F32, 3, 1, arena);
    var heap = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long allocated = 0;
    for (int round = 0; round < 20; round++) {
      long before = heap.getCurrentThreadAllocatedBytes();
      for (int call = 0; call < 20; call++) {
        Add.run(x, y);
        RmsNorm.forward(x, norm, 1, 1e-6f, y, rstd);
      }
      allocated = heap.getCurrentThreadAllocatedBytes() - before;
    }
    assertEquals(0, allocated);
  }

  /** Ops share one piece of memory, whose tickets are zero at first. */
  @Test
  void scratchAndTicketsHaveLimits() {
    var launch = begin("%s t(float* a, int* b) {".formatted(HEAD), "t");
    launch.scratch("a", CudaDevice.SCRATCH_BYTES).tickets("b", CudaDevice.TICKETS);
    launch.arguments().complete(device);
    assertEquals(
        "a at byte 0: 33554432 bytes of scratch; b at byte 8: 16384 tickets",
        launch.arguments().toString());
    assertEquals(device.memory.scratch(1) + CudaDevice.SCRATCH_BYTES, device.memory.tickets(1));
    String advice = device + " has %s; give it fewer rows at a time";
    var e =
        assertThrows(
            DeviceException.class, () -> device.memory.scratch(CudaDevice.SCRATCH_BYTES + 1));
    assertEquals(
        "an op needs 33,554,433 bytes of scratch, " + advice.formatted("33,554,432"),
        e.getMessage());
    e = assertThrows(DeviceException.class, () -> device.memory.tickets(CudaDevice.TICKETS + 1));
    assertEquals("an op needs 16,385 tickets, " + advice.formatted("16,384"), e.getMessage());
  }
}
