package io.gatun.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.ops.Add;
import io.gatun.kernels.ops.Devices;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is the same again is recorded on a GPU, and is done by the CPU each time. */
class ReplayTest {
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void workThatIsTheSameAgainIsAskedForOnce(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix one = Matrix.allocate(device, "one", DType.F32, 1, 2, arena);
      Matrix sum = Matrix.allocate(device, "sum", DType.F32, 1, 2, arena);
      HostCopy.write(one, new float[] {1, 2});
      var asked = new AtomicInteger();
      Runnable work =
          () -> {
            asked.incrementAndGet();
            Add.run(one, sum);
          };
      boolean gpu = device.kind() == Device.Kind.CUDA;
      var replay = Replay.on(device, "adding", arena);
      replay.run(false, work);
      replay.run(true, work);
      assertEquals(2, asked.get(), "once to do it, once to record it");
      replay.run(true, work);
      replay.run(true, work);
      assertEquals(gpu ? 2 : 4, asked.get());
      assertArrayEquals(new float[] {4, 8}, HostCopy.readFloats(sum));
      replay.run(false, () -> Add.run(sum, sum));
      replay.run(true, () -> Add.run(sum, sum));
      assertArrayEquals(new float[] {16, 32}, HostCopy.readFloats(sum));
      if (gpu) {
        device.profile(() -> replay.run(true, () -> Add.run(one, sum)));
        assertArrayEquals(new float[] {17, 34}, HostCopy.readFloats(sum), "not what was recorded");
      }
    });
  }
}
