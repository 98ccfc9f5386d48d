package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Add;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CudaDeviceTest {
  @Test
  void closingAnArenaFreesItsBuffers() {
    try (Device device = CudaTests.open()) {
      try (Arena arena = Arena.ofConfined()) {
        device.allocate("a", 100, arena);
        device.allocate("b", 10L << 20, arena);
        device.allocate("a", 0, arena);
        assertEquals(Map.of("a", 100L, "b", 10L << 20), device.memory().byName());
      }
      assertEquals(0, device.memory().allocated());
      assertEquals(100 + (10L << 20), device.memory().peak());
      assertThrows(IllegalArgumentException.class, () -> device.allocate("c", -1, Arena.global()));
    }
  }

  /** Shorter than, as long as, and longer than the pinned buffers. */
  @ParameterizedTest
  @ValueSource(longs = {1, 1000, CudaStaging.HALF_BYTES, 2 * CudaStaging.HALF_BYTES + 5})
  void memoryIsZeroedAndWhatIsUploadedComesBack(long bytes) {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      var buffer = device.allocate("buffer", bytes + 3, arena);
      var host = new byte[(int) bytes];
      new Random(1).nextBytes(host);
      var sent = host.clone();
      var back = new byte[(int) bytes + 3];
      Arrays.fill(back, (byte) 1);
      device.download(buffer, 0, MemorySegment.ofArray(back));
      assertArrayEquals(new byte[back.length], back);
      device.upload(MemorySegment.ofArray(host), buffer, 3);
      Arrays.fill(host, (byte) 0);
      device.download(buffer, 0, MemorySegment.ofArray(back));
      assertArrayEquals(sent, Arrays.copyOfRange(back, 3, back.length));
      device.zero(buffer);
      device.download(buffer, 0, MemorySegment.ofArray(back));
      assertArrayEquals(new byte[back.length], back);
    }
  }

  @Test
  void copiesStayInsideTheirBuffers() {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      var buffer = device.allocate("buffer", 8, arena);
      var nine = MemorySegment.ofArray(new byte[9]);
      var e = assertThrows(IndexOutOfBoundsException.class, () -> device.upload(nine, buffer, 0));
      assertEquals("9 bytes at byte 0 of buffer buffer, which has 8", e.getMessage());
      assertThrows(IndexOutOfBoundsException.class, () -> device.download(buffer, 0, nine));
      assertThrows(
          IndexOutOfBoundsException.class, () -> device.download(buffer, -1, nine.asSlice(0, 1)));
    }
  }

  @Test
  void closeRefusesWhileBuffersAreLive() {
    Device device = CudaTests.open();
    Arena arena = Arena.ofShared();
    device.allocate("run.activations", 4096, arena);
    var e = assertThrows(DeviceException.class, device::close);
    assertTrue(e.getMessage().contains("4,096  run.activations"), e.getMessage());
    arena.close();
    device.close();
    device.close();
    assertThrows(IllegalStateException.class, () -> device.allocate("late", 1, Arena.global()));
  }

  @Test
  void outOfMemoryIsATableOfNames() {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      device.allocate("base.nf4", 64, arena);
      var e = assertThrows(DeviceException.class, () -> device.allocate("kv", 1L << 50, arena));
      assertTrue(
          e.getMessage().startsWith("no memory for kv: 1,125,899,906,842,624 bytes"),
          e.getMessage());
      assertTrue(e.getMessage().contains("64  base.nf4"), e.getMessage());
      assertEquals(64, device.memory().allocated());
    }
  }

  /** Memory that was freed but has not come back yet is waited for. */
  @Test
  void freedMemoryIsThereForTheNextBuffer() {
    CudaTests.requireEmulator();
    CudaTests.call("emu_capacity", 1L << 20);
    try (Device device = CudaTests.open()) {
      for (int i = 0; i < 3; i++) {
        try (Arena arena = Arena.ofConfined()) {
          device.allocate("most", 3L << 18, arena);
          var e =
              assertThrows(DeviceException.class, () -> device.allocate("more", 3L << 18, arena));
          assertTrue(e.getMessage().contains("786,432 of 1,048,576 in use"), e.getMessage());
        }
      }
    } finally {
      CudaTests.call("emu_capacity", 1L << 30);
    }
  }

  /** Of a GPU other processes may take and give back memory meanwhile. */
  @Test
  void whatOthersHoldIsNoPartOfTheCapacity() {
    CudaTests.requireEmulator();
    long bytes = 64 << 20;
    try (Device other = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      other.allocate("other", bytes, arena);
      other.synchronize();
      try (Device device = CudaTests.open()) {
        long left = other.memory().capacity() - bytes;
        assertTrue(device.memory().capacity() <= left, device.memory().capacity() + " of " + left);
      }
    }
  }

  @Test
  void useAfterFreeThrows() {
    try (Device device = CudaTests.open()) {
      Matrix x;
      try (Arena arena = Arena.ofConfined()) {
        x = Matrix.allocate(device, "x", DType.F32, 1, 1, arena);
      }
      assertThrows(IllegalStateException.class, () -> Add.run(x, x));
      assertThrows(IllegalStateException.class, () -> HostCopy.readFloats(x));
    }
  }

  @Test
  void confinedMemoryStaysInItsThread() throws InterruptedException {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 1, 1, arena);
      var thrown =
          new AtomicReference<RuntimeException>(new IllegalStateException("nothing thrown"));
      Runnable use =
          () -> {
            try {
              Add.run(x, x);
            } catch (RuntimeException e) {
              thrown.set(e);
            }
          };
      Thread.ofPlatform().start(use).join();
      assertEquals(WrongThreadException.class, thrown.get().getClass());
    }
  }

  /** An application that uses CUDA itself leaves its own contexts, or none, to a thread. */
  @Test
  void theContextOfAThreadMayChangeBetweenCalls() {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 1, 1, arena);
      HostCopy.write(x, new float[] {3});
      Add.run(x, x);
      assertEquals(0, Cuda.cuCtxSetCurrent(MemorySegment.NULL));
      Add.run(x, x);
      assertEquals(0, Cuda.cuCtxSetCurrent(MemorySegment.NULL));
      assertEquals(12, HostCopy.readFloats(x)[0]);
    }
  }

  @Test
  void aDeviceRefusesMemoryOfAnother() {
    try (Device one = CudaTests.open();
        Device two = Device.cpu(1, CpuVariant.PLAIN);
        Arena arena = Arena.ofConfined()) {
      Matrix x = Matrix.allocate(one, "x", DType.F32, 1, 1, arena);
      Matrix y = Matrix.allocate(two, "y", DType.F32, 1, 1, arena);
      assertThrows(IllegalArgumentException.class, () -> Add.run(x, y));
      assertThrows(IllegalArgumentException.class, () -> one.zero(y.buffer()));
      assertThrows(IllegalArgumentException.class, () -> two.zero(x.buffer()));
    }
  }

  @Test
  void callsFromSeveralThreadsRunOneAfterTheOther() throws InterruptedException {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofShared()) {
      Matrix one = Matrix.allocate(device, "one", DType.F32, 7, 90, arena);
      Matrix sum = Matrix.allocate(device, "sum", DType.F32, 7, 90, arena);
      var ones = new float[7 * 90];
      Arrays.fill(ones, 1);
      HostCopy.write(one, ones);
      var threads = new Thread[4];
      for (int i = 0; i < threads.length; i++) {
        threads[i] =
            Thread.ofPlatform()
                .start(() -> {
                  for (int j = 0; j < 10; j++) {
                    Add.run(one, sum);
                    HostCopy.readFloats(sum.rowSlice(0, 1));
                  }
                });
      }
      for (Thread thread : threads) {
        thread.join();
      }
      for (float s : HostCopy.readFloats(sum)) {
        assertEquals(40f, s);
      }
    }
  }
}
