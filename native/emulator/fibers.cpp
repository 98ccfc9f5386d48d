// A block of threads as fibers on the calling thread, in a chosen order, one block after the other.
#include "fibers.h"

#include <sys/mman.h>

#include <algorithm>

#include "emulator.h"
#include "wgmma.h"

// Saves the callee's registers on its stack, stores the stack pointer, and goes on with another stack.
extern "C" void emu_switch(void** save, void* load);
asm(".text\n.globl emu_switch\n.hidden emu_switch\n.type emu_switch,@function\nemu_switch:\n"
    " push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
    " mov %rsp,(%rdi)\n mov %rsi,%rsp\n"
    " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n"
    ".size emu_switch,.-emu_switch\n");

Vec3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

Fiber fibers[kMaxThreads];
Warp warps[kMaxThreads / 32];
int self = -1, threads, live, barrier_arrived, barrier_line;
u8* stacks;
bool failed;
Launch* running;

namespace {
enum { FORWARD, REVERSE, SHUFFLED };
constexpr u64 kDynamic = 256 << 10, kBeyond = 64 << 10;   // an overrun lands beyond
void* scheduler;
int order = FORWARD;
u64 seed;
int failure;
std::string message;

// Splitmix64.
u64 next(u64& s) {
  s += 0x9e3779b97f4a7c15;
  u64 z = s;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

std::vector<u32> sequence(u64 count, u64 s) {
  std::vector<u32> v(count);
  for (u64 i = 0; i < count; i++) v[i] = (u32)(order == REVERSE ? count - 1 - i : i);
  if (order == SHUFFLED) {
    for (u64 i = count; i > 1; i--) std::swap(v[i - 1], v[next(s) % i]);
  }
  return v;
}

std::string place(int thread) {
  return format("; kernel %s, block (%u,%u,%u), thread %d", running->function->name.c_str(), blockIdx.x, blockIdx.y, blockIdx.z, thread);
}

void leave_checks() {
  const Fiber& f = fibers[self];
  if (!f.groups.empty() || !f.open.empty()) {
    const auto& copies = f.groups.empty() ? f.open : f.groups[0];
    fail(LAUNCH_FAILED, format("thread ends with cp.async from line %d not waited for", copies.empty() ? 0 : copies.front().line));
  }
  require_no_products();
  if (barrier_arrived > 0)
    fail(LAUNCH_FAILED, format("divergence: thread left the kernel while %d threads wait in __syncthreads at line %d", barrier_arrived, barrier_line));
  for (auto& s : warps[self >> 5].slot) {
    if (s.arrived && (s.mask >> (self & 31) & 1))
      fail(LAUNCH_FAILED, format("divergence: lane left the kernel while lanes %08x wait for it in %s at line %d", s.arrived, s.op, s.line));
  }
}

void body() {
  running->function->entry(running->arguments.data());
  leave_checks();
  fibers[self].exited = true;
  fibers[self].runnable = false;
  live--;
  to_scheduler();
}

void prepare(int thread) {
  Fiber& f = fibers[thread];
  f.runnable = true, f.exited = false, f.at = nullptr, f.steps = 0, f.releases = 0, f.waited = false;
  f.groups.clear(), f.open.clear(), f.known.reset();
  void** top = (void**)(stacks + (u64)(thread + 1) * kStack);
  *--top = nullptr;
  *--top = (void*)body;
  for (int i = 0; i < 6; i++) *--top = nullptr;
  f.stack_pointer = top;
}

void deadlock() {
  std::map<std::string, int> waits;
  for (int t = 0; t < threads; t++) waits[fibers[t].exited ? "left the kernel" : format("wait in %s at line %d", fibers[t].at, fibers[t].line)]++;
  std::string text = "deadlock:";
  for (auto& w : waits) text += format("%s %d threads %s", text.back() == ':' ? "" : ",", w.second, w.first.c_str());
  int first = 0;
  while (fibers[first].exited) first++;
  self = first;
  failed = true, failure = LAUNCH_FAILED, message = text + place(first);
  self = -1;
}

// Shared memory starts undefined.
void reset_shared() {
  auto reset = [](Region& r, u64 first, u64 bytes) {
    memset(r.base + first, 0xff, bytes);
    for (u64 i = first; i < first + bytes; i++) r.shadow[i] &= ADDRESSABLE;
  };
  Region& fixed = running->function->module->shared;
  for (auto& v : running->function->module->shared_variables) reset(fixed, v.address - (u64)fixed.base, v.size);
  const u64 first = (u8*)dynamic_shared_start() - dynamic_shared.base;
  reset(dynamic_shared, first, kDynamic - first);
}

void run_block(u64 block_seed) {
  times.block = ++times.now;
  times.blocks.push_back(times.block);
  barrier_arrived = 0, live = threads;
  for (auto& w : warps) w = {};
  reset_shared();
  forget_products();
  for (int t = 0; t < threads; t++) prepare(t);
  const auto order_of_threads = sequence(threads, block_seed);
  while (live > 0 && !failed) {
    bool progress = false;
    for (u32 t : order_of_threads) {
      if (!fibers[t].runnable) continue;
      progress = true;
      self = (int)t;
      threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
      emu_switch(&scheduler, fibers[t].stack_pointer);
      if (failed) break;
    }
    self = -1;
    if (!progress && !failed) deadlock();
  }
}

void prepare_launch(const Launch& l) {
  if (stacks == nullptr) {
    stacks = (u8*)mmap(nullptr, kStack * kMaxThreads, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const u64 bytes = kDynamic + kBeyond;
    dynamic_shared.open((u8*)mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes);
    dynamic_shared.shared = true;
  }
  for (auto a : fresh) a->fresh = false;
  fresh.clear();
  for (auto a : touched) {
    for (u64 i = a->touched_from; a->live && i < a->touched_to && !a->fresh; i++) a->fresh = a->shadow[i] & WAS_WRITTEN;
    if (a->fresh) fresh.push_back(a);
    for (u64 i = a->touched_from; a->live && i < a->touched_to; i++) a->shadow[i] &= ADDRESSABLE | DEFINED;
    a->touched = false;
  }
  touched.clear();
  memset(dynamic_shared.shadow, 0, kDynamic);
  memset(dynamic_shared.shadow + ((u8*)dynamic_shared_start() - dynamic_shared.base), ADDRESSABLE, l.shared_bytes);
  gridDim = l.grid, blockDim = l.block;
  threads = (int)(l.block.x * l.block.y * l.block.z);
  times.blocks.clear();
  forget_locations();
  failed = false;
}
}  // namespace

void to_scheduler() { emu_switch(&fibers[self].stack_pointer, scheduler); }

void wait_at(const char* op, int line) {
  Fiber& f = fibers[self];
  f.runnable = false, f.at = op, f.line = line, f.steps = 0;
  to_scheduler();
  f.at = nullptr;
}

void fail(int code, const std::string& text, void* pc) {
  if (!failed) failed = true, failure = code, message = text + source_line(pc) + place(self);
  to_scheduler();
}

void* dynamic_shared_start() { return dynamic_shared.base + kDynamic - (running->shared_bytes + 15) / 16 * 16; }

int run(Launch& l) {
  running = &l;
  prepare_launch(l);
  Watchdog watchdog;
  const u64 count = (u64)l.grid.x * l.grid.y * l.grid.z;
  for (u32 b : sequence(count, seed)) {
    blockIdx = {b % l.grid.x, b / l.grid.x % l.grid.y, b / l.grid.x / l.grid.y};
    run_block(seed * 1000003 + b);
    if (failed) break;
  }
  running = nullptr;
  return failed ? error(failure, message) : SUCCESS;
}

// 0 forward, 1 reverse, 2 shuffled: threads and blocks.
EXPORT void emu_order(int chosen, u64 chosen_seed) {
  Guard guard;
  order = chosen, seed = chosen_seed;
}

}  // namespace emulator
