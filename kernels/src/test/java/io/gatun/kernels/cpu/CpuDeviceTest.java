package io.gatun.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Add;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class CpuDeviceTest {
  @Test
  void closingAnArenaFreesItsBuffers() {
    try (Device device = Device.cpu(1, CpuVariant.PLAIN)) {
      try (Arena arena = Arena.ofConfined()) {
        device.allocate("a", 100, arena);
        device.allocate("b", 10L << 20, arena);
        device.allocate("a", 0, arena);
        assertEquals(Map.of("a", 100L, "b", 10L << 20), device.memory().byName());
      }
      assertEquals(0, device.memory().allocated());
      assertEquals(100 + (10L << 20), device.memory().peak());
    }
  }

  @Test
  void memoryIsZeroedAlignedAndLazy() {
    try (Device device = Device.cpu(1, CpuVariant.PLAIN);
        Arena arena = Arena.ofConfined()) {
      Buffer small = device.allocate("small", 100, arena);
      Buffer big = device.allocate("big", 5L << 20, arena);
      assertEquals(0, ((CpuBuffer) small).pointer() % 64);
      assertEquals(0, ((CpuBuffer) big).pointer() % (2 << 20));
      var bytes = new byte[100];
      bytes[3] = 1;
      device.download(big, (5L << 20) - 100, MemorySegment.ofArray(bytes));
      assertArrayEquals(new byte[100], bytes);
    }
  }

  @Test
  void closeRefusesWhileBuffersAreLive() {
    Device device = Device.cpu(2, CpuVariant.PLAIN);
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
    try (Device device = Device.cpu(1, CpuVariant.PLAIN);
        Arena arena = Arena.ofConfined()) {
      device.allocate("base.nf4", 64, arena);
      var e = assertThrows(DeviceException.class, () -> device.allocate("kv", 1L << 60, arena));
      assertTrue(
          e.getMessage().startsWith("no memory for kv: 1,152,921,504,606,846,976 bytes"),
          e.getMessage());
      assertTrue(e.getMessage().contains("64  base.nf4"), e.getMessage());
      assertEquals(64, device.memory().allocated());
    }
  }

  @Test
  void useAfterFreeThrows() {
    try (Device device = Device.cpu(1, CpuVariant.PLAIN)) {
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
    try (Device device = Device.cpu(1, CpuVariant.PLAIN);
        Arena arena = Arena.ofConfined()) {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 1, 1, arena);
      var thrown =
          new AtomicReference<RuntimeException>(new IllegalStateException("nothing thrown"));
      var other =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  Add.run(x, x);
                } catch (RuntimeException e) {
                  thrown.set(e);
                }
              });
      other.join();
      assertEquals(WrongThreadException.class, thrown.get().getClass());
    }
  }

  @Test
  void aDeviceRefusesMemoryOfAnother() {
    try (Device one = Device.cpu(1, CpuVariant.PLAIN);
        Device two = Device.cpu(1, CpuVariant.PLAIN);
        Arena arena = Arena.ofConfined()) {
      Matrix x = Matrix.allocate(one, "x", DType.F32, 1, 1, arena);
      Matrix y = Matrix.allocate(two, "y", DType.F32, 1, 1, arena);
      assertThrows(IllegalArgumentException.class, () -> Add.run(x, y));
      assertThrows(IllegalArgumentException.class, () -> one.zero(y.buffer()));
    }
  }

  @Test
  void callsFromSeveralThreadsRunOneAfterTheOther() throws InterruptedException {
    try (Device device = Device.cpu(2, CpuVariant.available().getLast());
        Arena arena = Arena.ofShared()) {
      Matrix one = Matrix.allocate(device, "one", DType.F32, 7, 9000, arena);
      Matrix sum = Matrix.allocate(device, "sum", DType.F32, 7, 9000, arena);
      var ones = new float[7 * 9000];
      java.util.Arrays.fill(ones, 1);
      HostCopy.write(one, ones);
      var threads = new Thread[4];
      for (int i = 0; i < threads.length; i++) {
        threads[i] =
            Thread.ofPlatform()
                .start(() -> {
                  for (int j = 0; j < 200; j++) {
                    Add.run(one, sum);
                  }
                });
      }
      for (Thread thread : threads) {
        thread.join();
      }
      for (float s : HostCopy.readFloats(sum)) {
        assertEquals(800f, s);
      }
    }
  }

  @Test
  void anArenaClosedDuringCallsFreesBetweenThem() throws InterruptedException {
    try (Device device = Device.cpu(2, CpuVariant.available().getLast())) {
      for (int round = 0; round < 20; round++) {
        Arena arena = Arena.ofShared();
        Matrix x = Matrix.allocate(device, "x", DType.F32, 64, 4096, arena);
        var started = new CountDownLatch(1);
        var thrown = new AtomicReference<Throwable>(new AssertionError("nothing thrown"));
        Thread caller =
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    while (true) {
                      Add.run(x, x);
                      started.countDown();
                    }
                  } catch (IllegalStateException e) {
                    thrown.set(e);
                  }
                });
        started.await();
        arena.close();
        caller.join();
        assertEquals(IllegalStateException.class, thrown.get().getClass());
        assertEquals(0, device.memory().allocated());
      }
    }
  }
}
