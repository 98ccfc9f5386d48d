package io.gatun.bindings.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.emulator.Kernels.Problem;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Each mistake that the emulator promises to see, made in a kernel that is right without it: the
 * launch fails, and the message says what, where in the source, which kernel, block and thread, and
 * whose memory.
 */
class KernelMutationsTest {
  /** A kernel with one text replaced, and what the message must contain. */
  record Mutation(Problem problem, String from, String to, List<String> says) {
    @Override
    public String toString() {
      return problem + ": " + from + " -> " + to;
    }
  }

  private static Mutation change(Problem problem, String from, String to, String... says) {
    return new Mutation(problem, from, to, List.of(says));
  }

  static Stream<Mutation> memory() {
    var p = Problem.TABLE;
    String first = "table.cu:9; kernel look_up, block (0,0,0), thread 63";
    String load = "= x[i]";
    return Stream.of(
        change(
            p,
            "y[i] = ",
            "y[i + (i == n - 1)] = ",
            "out of bounds: write of 16 bytes at offset 1600 of allocation y (1600 bytes) at"
                + " table.cu:10; kernel look_up, block (1,0,0), thread 35"),
        change(
            p,
            "if (i >= n) return;",
            "",
            "out of bounds: read of 16 bytes at offset 2032 of allocation codes (1600 bytes) at"
                + " table.cu:8; kernel look_up, block (1,0,0), thread 63"),
        change(
            p,
            load,
            "= y[i]",
            "uninitialised: read of 16 bytes at offset 1008 of allocation y",
            first),
        change(
            p,
            load,
            "= *(const float4*)((const char*)(x + i) + 4)",
            "misaligned: read of 16 bytes at offset 1012 of allocation x",
            first),
        change(
            p,
            load,
            "= *(const float4*)16",
            "out of bounds: read of 16 bytes at offset -",
            "of allocation",
            first));
  }

  static Stream<Mutation> copies() {
    var p = Problem.TABLE;
    String copy = "copy[threadIdx.x] =";
    return Stream.of(
        change(
            p,
            copy,
            "copy[threadIdx.x + 1] =",
            "array index out of bounds at table.cu:4",
            "thread 63"),
        change(
            p,
            copy,
            "float* z = copy + 1; z[threadIdx.x] =",
            "out of bounds: write of 4 bytes at offset 256 of __shared__ look_up::copy (256 bytes)"
                + " at table.cu:4",
            "thread 63"),
        change(
            p,
            "__syncthreads();",
            "",
            "uninitialised: read of 4 bytes at offset",
            "of __shared__ look_up::copy (256 bytes) at table.cu:10; kernel look_up, block (0,0,0),"
                + " thread 0"));
  }

  static Stream<Mutation> threads() {
    var p = Problem.TABLE;
    String first = "table.cu:9; kernel look_up, block (0,0,0), thread 63";
    String load = "= x[i]";
    String body = "const float4 v";
    return Stream.of(
        change(
            p,
            "blockIdx.x * 64 + threadIdx.x;",
            "threadIdx.x;",
            "race with a write by thread 63 of another block, number 0 to run: write of 16 bytes at"
                + " offset 1008 of allocation y",
            "table.cu:10; kernel look_up, block (1,0,0), thread 63"),
        change(p, load, "= x[i >> (i + 32)]", "shift out of range at " + first),
        change(
            p, body, "for (volatile int z = 0; z == 0;) {} const float4 v", "endless loop", first),
        change(p, body, "for (;;) {} const float4 v", "endless loop", first));
  }

  static Stream<Mutation> together() {
    var p = Problem.TILES;
    String where = "kernel multiply, block (0,0,0), thread ";
    String shared = "of dynamic shared memory (7680 bytes)";
    String wait = "cp_async_wait<1>(); } else cp_async_wait<0>();";
    String ready = "__syncthreads(); // ready";
    String early = "uninitialised: read of 16 bytes";
    return Stream.of(
        change(p, wait, "}", early, shared + " at tiles.cu:21", where + "127"),
        change(p, wait, "} cp_async_wait<1>();", early, shared, where),
        change(p, "cp_async_commit();", "", early, shared, where),
        change(p, "cp_async_wait<0>();", "cp_async_wait<1>();", early, shared, where),
        change(p, ready, "", shared + " at tiles.cu:", where),
        change(
            p,
            "__syncthreads(); // reuse",
            "",
            "race with a read by thread",
            shared + " at tiles.cu:12",
            where),
        change(
            p,
            "memory + 2 * 64 * 24",
            "memory + 2 * 64 * 24 + 16",
            "out of bounds: write of 16 bytes at offset 7680 " + shared + " at tiles.cu:13",
            where + "31"));
  }

  static Stream<Mutation> meetings() {
    var p = Problem.TILES;
    String where = "kernel multiply, block (0,0,0), thread ";
    String ready = "__syncthreads(); // ready";
    return Stream.of(
        change(
            p,
            "for (int o = 1;",
            "if (lane < 16) for (int o = 1;",
            "divergence: lane left the kernel while lanes",
            "wait for it in __shfl_xor_sync at line 36",
            where),
        change(
            p,
            "__shfl_xor_sync(0xffffffff, low",
            "__shfl_xor_sync(0x0000ffff, low",
            "divergence: __shfl_xor_sync at line 36 by lane 16, which is not in its mask 0000ffff",
            where + "112"),
        change(
            p,
            ready,
            "if (lane) __syncwarp();\n__syncthreads();",
            "deadlock: 4 threads wait in __syncthreads at line 20, 124 threads wait in __syncwarp"
                + " at line 19",
            where),
        change(
            p,
            ready,
            "if (t == 77 && step + 1 == steps) return; __syncthreads();",
            "divergence: thread left the kernel while",
            "threads wait in __syncthreads at line 19",
            where + "77"),
        change(
            p,
            ready,
            "if (t < 64) {\n__syncthreads(); } else {\n\n__syncthreads(); }",
            "divergence: __syncthreads at line 22 while 64 threads wait in __syncthreads at line"
                + " 20",
            where + "64"));
  }

  static Stream<Mutation> ordering() {
    var p = Problem.TICKET;
    String ticket = "atomic_add_acq_rel(tickets, 1)";
    return Stream.of(
        change(
            p,
            ticket,
            "atomicAdd(tickets, 1)",
            "race with a write by thread 0 of another block, number 0 to run: read of 4 bytes at"
                + " offset 0 of allocation parts (32 bytes)",
            "ticket.cu:20; kernel total, block (7,0,0), thread 1"),
        change(
            p,
            ticket,
            "(*tickets)++",
            "race with a write by thread 0 of another block, number 0 to run: read of 4 bytes at"
                + " offset 0 of allocation tickets (4 bytes)",
            "ticket.cu:14; kernel total, block (1,0,0), thread 0"),
        change(
            p,
            "    parts[blockIdx.x] = terms[0];\n    last = " + ticket + " == gridDim.x - 1;",
            "    last = " + ticket + " == gridDim.x - 1;\n    parts[blockIdx.x] = terms[0];",
            "race with a write by thread 0 of another block",
            "of allocation parts (32 bytes) at ticket.cu:20"),
        change(
            p,
            "  __syncthreads();\n  if (!last)",
            "  if (!last)",
            "uninitialised: read of 4 bytes at offset 0 of __shared__ total::last (4 bytes)",
            "kernel total, block (0,0,0)"),
        change(
            Problem.WARPS,
            "__syncwarp();",
            "",
            "race with a read by thread 0",
            "of __shared__ partner<64>(unsigned int)::bytes (64 bytes) at warps.cu:9; kernel"
                + " exchange, block (0,0,0), thread 1"));
  }

  @ParameterizedTest
  @MethodSource({"memory", "copies", "threads", "together", "meetings", "ordering"})
  void isCaughtAndSaysWhere(Mutation mutation) {
    try (var emulator = Emulator.open()) {
      var run = mutation.problem().prepare(emulator, mutation.from(), mutation.to());
      emulator.check(run.launch());
      int code = emulator.synchronize();
      assertNotEquals(0, code, "not caught");
      String message = emulator.message(code);
      mutation.says().forEach(s -> assertTrue(message.contains(s), message));
      assertEquals(code, emulator.synchronize(), "the context stays broken");
    }
  }

  /** Threads and blocks forward, backward and shuffled: the same bits, the right ones. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4})
  void rightKernelsRunInEveryOrder(int order) {
    for (Problem problem : Problem.values()) {
      try (var emulator = Emulator.open()) {
        Emulator.call("emu_order", Math.min(order, 2), (long) order);
        var run = problem.prepare(emulator, "", "");
        emulator.check(run.launch());
        emulator.check(emulator.synchronize());
        run.check();
      }
    }
  }
}
