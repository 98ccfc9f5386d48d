package io.gatun.bindings.emulator;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.cuda.Cuda;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Times between events, which are there once both have happened, anew after each recording. */
class EventTimesTest {
  private Emulator e;
  private MemorySegment elapsed;

  @BeforeEach
  void open() {
    e = Emulator.open();
    elapsed = e.arena.allocate(JAVA_FLOAT);
  }

  @AfterEach
  void close() {
    if (e != null) {
      e.close();
    }
  }

  private MemorySegment timedEvent() {
    var out = e.arena.allocate(ADDRESS);
    e.check(Cuda.cuEventCreate(out, Cuda.CU_EVENT_DEFAULT()));
    return out.get(ADDRESS, 0);
  }

  @Test
  void aTimeIsThereOnceBothHaveHappened() {
    var begin = timedEvent();
    var end = timedEvent();
    for (int time = 0; time < 2; time++) {
      e.check(Cuda.cuEventRecord(begin, e.stream));
      e.check(Cuda.cuEventRecord(end, e.stream));
      assertEquals(Cuda.CUDA_ERROR_NOT_READY(), Cuda.cuEventElapsedTime_v2(elapsed, begin, end));
      e.check(e.synchronize());
      e.check(Cuda.cuEventElapsedTime_v2(elapsed, begin, end));
      assertTrue(elapsed.get(JAVA_FLOAT, 0) >= 0);
    }
    e.check(Cuda.cuEventDestroy_v2(begin));
    e.check(Cuda.cuEventDestroy_v2(end));
  }

  @Test
  void anEventWithoutTimingHasNone() {
    var begin = timedEvent();
    var end = e.newEvent();
    e.check(Cuda.cuEventRecord(begin, e.stream));
    e.check(Cuda.cuEventRecord(end, e.stream));
    e.check(e.synchronize());
    assertEquals(Cuda.CUDA_ERROR_INVALID_HANDLE(), Cuda.cuEventElapsedTime_v2(elapsed, begin, end));
    e.check(Cuda.cuEventDestroy_v2(begin));
    e.check(Cuda.cuEventDestroy_v2(end));
  }
}
