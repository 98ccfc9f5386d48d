package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cuda.CudaSignature.Parameter;
import io.gatun.kernels.cuda.CudaSignature.Type;
import java.lang.foreign.Arena;
import java.util.List;
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
            new Parameter(Type.MATRIX, "x"),
            new Parameter(Type.POINTER, "table"),
            new Parameter(Type.FLOAT, "factor"),
            new Parameter(Type.INT, "add"),
            new Parameter(Type.LONG, "count"),
            new Parameter(Type.POINTER, "codes"));
    assertEquals(new CudaSignature("scale", 128, expected), CudaSignature.read(SOURCE, "scale"));
    assertThrows(DeviceException.class, () -> CudaSignature.read(SOURCE, "absent"));
    String strange = SOURCE.replace("int add", "double add");
    assertThrows(DeviceException.class, () -> CudaSignature.read(strange, "scale"));
  }

  private String refused(Consumer<CudaLaunch> arguments) {
    return assertThrows(
            IllegalStateException.class, () -> device.launch(CudaKernel.ADD, 1, arguments))
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

  /** The C layout: offsets are multiples of each type's alignment. */
  @Test
  void argumentsLieAsInAStruct() {
    var launch = new CudaLaunch(device, arena);
    launch.begin(CudaSignature.read(SOURCE, "scale"));
    launch
        .matrix("x", x)
        .pointer("table", x.buffer(), 4)
        .number("factor", 2)
        .integer("add", 1)
        .count("count", 7)
        .absent("codes");
    launch.complete();
    assertEquals(
        "x at byte 0: 3x5 F32 of buffer x; table at byte 40: 56 bytes of buffer x",
        launch.toString());
  }

  /** Ops share one piece of memory, whose tickets are zero at first. */
  @Test
  void scratchAndTicketsHaveLimits() {
    var launch = new CudaLaunch(device, arena);
    launch.begin(CudaSignature.read("%s t(float* a, int* b) {".formatted(HEAD), "t"));
    launch.scratch("a", CudaDevice.SCRATCH_BYTES).tickets("b", CudaDevice.TICKETS).complete();
    assertEquals(
        "a at byte 0: 33554432 bytes of scratch; b at byte 8: 16384 tickets", launch.toString());
    assertEquals(device.scratch(1) + CudaDevice.SCRATCH_BYTES, device.tickets(1));
    String advice = device + " has %s; give it fewer rows at a time";
    var e = assertThrows(DeviceException.class, () -> device.scratch(CudaDevice.SCRATCH_BYTES + 1));
    assertEquals(
        "an op needs 33,554,433 bytes of scratch, " + advice.formatted("33,554,432"),
        e.getMessage());
    e = assertThrows(DeviceException.class, () -> device.tickets(CudaDevice.TICKETS + 1));
    assertEquals("an op needs 16,385 tickets, " + advice.formatted("16,384"), e.getMessage());
  }
}
