package io.gatun.kernels.cuda;

import static java.util.stream.Collectors.toMap;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Profile;
import io.gatun.kernels.Profile.Operation;
import io.gatun.kernels.ops.Add;
import io.gatun.kernels.ops.MatMul;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Which operations a profile shows, how often, and that they take time. */
class CudaProfileTest {
  private static Map<String, Long> calls(Profile profile) {
    return profile.operations().stream().collect(toMap(Operation::name, Operation::calls));
  }

  private static void someOfEach(Device device, Matrix x, Matrix y, Arena arena) {
    HostCopy.write(x, new float[256]);
    Add.run(x, y);
    device.synchronize();
    Add.run(x.rowSlice(0, 1), y.rowSlice(0, 1));
    MatMul.forward(x, x, y);
    device.copy(x.buffer(), 0, y.buffer(), 0, 4);
    device.zero(y.buffer());
    HostCopy.readFloats(x);
    device.allocate("z", 4, arena);
  }

  @Test
  void everyOperationIsCountedUnderItsName() {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 16, 16, arena);
      Matrix y = Matrix.allocate(device, "y", DType.F32, 16, 16, arena);
      Add.run(x, y);
      var profile = device.profile(() -> someOfEach(device, x, y, arena));
      Add.run(x, y);
      var others =
          List.of("product of mat_mul", "upload", "download", "copy", "zero", "allocation");
      var expected = others.stream().collect(toMap(name -> name, _ -> 1L));
      expected.put("add", 2L);
      assertEquals(expected, calls(profile));
      assertTrue(profile.operations().stream().allMatch(o -> o.millis() >= 0), profile::toString);
      assertTrue(0 < profile.busyMillis(), profile::toString);
      assertTrue(profile.busyMillis() <= profile.millis(), profile::toString);
      assertEquals(
          Map.of("add", 1L), calls(device.profile(() -> Add.run(x, y))), "each starts at zero");
    }
  }

  /** More than are looked at together; nobody waits between. */
  @Test
  void nothingIsLostWithoutAWait() {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 1, 1, arena);
      var profile =
          device.profile(() -> {
            for (int i = 0; i < 3000; i++) {
              Add.run(x, x);
            }
          });
      assertEquals(Map.of("add", 3000L), calls(profile));
    }
  }

  @Test
  void aProfileInsideAnotherIsRefusedAndAFailedOneEnds() {
    try (Device device = CudaTests.open()) {
      Runnable inner = () -> device.profile(() -> {});
      var e = assertThrows(IllegalStateException.class, () -> device.profile(inner));
      assertEquals("this device is being profiled already", e.getMessage());
      assertEquals(List.of(), device.profile(() -> {}).operations());
    }
  }

  @Test
  void theCpuKeepsNone() {
    try (Device device = Device.cpu(1, CpuVariant.PLAIN)) {
      assertThrows(DeviceException.class, () -> device.profile(() -> {}));
    }
  }

  @Test
  void theTableIsSortedByTime() {
    var profile =
        new Profile(List.of(new Operation("add", 4, 1), new Operation("product", 1, 3)), 4, 5);
    assertEquals(
        List.of(
            "operation                           calls     total ms    share    mean us",
            "product                                 1        3.000    75.0%    3000.00",
            "add                                     4        1.000    25.0%     250.00",
            "The device was busy for 4.000 of 5.000 ms (80.0%)."),
        profile.table());
  }
}
