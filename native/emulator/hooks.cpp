// What a kernel calls before each load and store: it is compiled with -fsanitize=thread but not linked with that runtime. Bounds,
// uninitialised reads, alignment, races and traffic all come from here. UBSan's handlers stand beside it: what C++ leaves undefined,
// x86 and PTX do differently.
#include "hooks.h"

#include <algorithm>

#include "fibers.h"
#include "wgmma.h"

namespace emulator {

namespace {
const char* verb(Access kind) { return writes(kind) ? "write" : "read"; }

void report(Region& r, u64 offset, int bytes, Access kind, const std::string& what, void* pc) {
  fail(ILLEGAL_ADDRESS, format("%s: %s of %d bytes at %s", what.c_str(), verb(kind), bytes, where(r, offset).c_str()), pc);
}

void count(Allocation& a, u64 offset, int bytes, int fresh, bool write) {
  if (!a.touched) {
    a.touched = true;
    a.touched_from = offset, a.touched_to = offset + bytes;
    touched.push_back(&a);
    use(&a);
  }
  a.touched_from = std::min(a.touched_from, offset);
  a.touched_to = std::max(a.touched_to, offset + bytes);
  Moved& moved = write ? a.stores : a.loads;
  moved.bytes += bytes, moved.once += fresh, moved.accesses++;
}

// Returns how many of the bytes had not been accessed so.
int touch(Region& r, u64 offset, int bytes, Access kind, void* pc) {
  if (bytes <= 16 && !(bytes & (bytes - 1)) && (u64)(r.base + offset) % bytes) report(r, offset, bytes, kind, "misaligned", pc);
  const bool write = writes(kind);
  const u8 need = write ? ADDRESSABLE : ADDRESSABLE | DEFINED, mark = write ? WAS_WRITTEN : WAS_READ, set = write ? mark | DEFINED : mark;
  int fresh = 0;
  for (int i = 0; i < bytes; i++) {
    if (offset + i >= r.size || !(r.shadow[offset + i] & ADDRESSABLE)) report(r, offset, bytes, kind, "out of bounds", pc);
    u8& s = r.shadow[offset + i];
    if ((s & need) != need) report(r, offset + i, bytes, kind, "uninitialised", pc);
    fresh += !(s & mark);
    s |= set;
  }
  if (const Stamp* other = race(r.cells + offset, bytes, kind, r.shared)) {
    const u64 at = offset + byte_of(other, r.cells + offset);
    const std::string by = describe(*other);
    report(r, at, bytes, kind, format("race with a %s by %s", other == &r.cells[at].write ? "write" : "read", by.c_str()), pc);
  }
  return fresh;
}

void touch_global(Allocation& a, const void* p, int bytes, Access kind, void* pc) {
  const u64 offset = (u8*)p - a.base;
  if (a.pinned) fail(ILLEGAL_ADDRESS, format("%s of %d bytes of pinned host memory: copy it to the device", verb(kind), bytes), pc);
  const std::string problem = unusable(a);
  if (!problem.empty()) report(a, offset, bytes, kind, problem, pc);
  if (offset >= a.size) report(a, offset, bytes, kind, "out of bounds", pc);
  if (running->early && !fibers[self].waited && (a.fresh || writes(kind))) report(a, offset, bytes, kind, "too early, the launch before may still run", pc);
  count(a, offset, bytes, touch(a, offset, bytes, kind, pc), writes(kind));
}
}  // namespace

void access(const void* p, int bytes, Access kind, void* pc) {
  if (self < 0 || failed) return;
  step(pc);
  const u64 at = (u64)p;
  if (at - (u64)(stacks + (u64)self * kStack) < kStack) return;  // the thread's own variables
  if (Allocation* a = allocation_at(at)) return touch_global(*a, p, bytes, kind, pc);
  Module& module = *running->function->module;
  for (Region* r : {&module.shared, &dynamic_shared}) {
    if (at - (u64)r->base < r->size) {
      touch(*r, at - (u64)r->base, bytes, kind, pc);
      if (r == &dynamic_shared && writes(kind)) note_generic_write(at - (u64)r->base, bytes);
      return;
    }
  }
  if (at >= (u64)module.low && at < (u64)module.high && !writes(kind)) return;  // tables and literals
  std::string nearby = where(*std::make_unique<Region>(Region{(u8*)p}), 0);
  fail(ILLEGAL_ADDRESS, format("out of bounds: %s of %d bytes at %s", verb(kind), bytes, nearby.c_str()), pc);
}

#define PC __builtin_return_address(0)
#define HOOK(n)                                                                 \
  EXPORT void __tsan_read##n(void* p) { access(p, n, READ, PC); }               \
  EXPORT void __tsan_write##n(void* p) { access(p, n, WRITE, PC); }
HOOK(1) HOOK(2) HOOK(4) HOOK(8) HOOK(16)
#define UNALIGNED(n)                                                            \
  EXPORT void __tsan_unaligned_read##n(void* p) { access(p, n, READ, PC); }     \
  EXPORT void __tsan_unaligned_write##n(void* p) { access(p, n, WRITE, PC); }
UNALIGNED(2) UNALIGNED(4) UNALIGNED(8) UNALIGNED(16)
EXPORT void __tsan_read_range(void* p, long n) { access(p, (int)n, READ, PC); }
EXPORT void __tsan_write_range(void* p, long n) { access(p, (int)n, WRITE, PC); }
EXPORT void __tsan_init() {}
EXPORT void __sanitizer_cov_trace_pc() { step(PC); }

struct UbLocation { const char* file; u32 line, column; };
static void undefined(const char* what, void* data) {
  if (self < 0 || failed) return;
  const auto at = (const UbLocation*)data;
  const char* name = strrchr(at->file, '/');
  fail(LAUNCH_FAILED, format("%s at %s:%u", what, name ? name + 1 : at->file, at->line));
}
EXPORT void __ubsan_handle_shift_out_of_bounds(void* d, u64, u64) { undefined("shift out of range", d); }
EXPORT void __ubsan_handle_out_of_bounds(void* d, u64) { undefined("array index out of bounds", d); }
EXPORT void __ubsan_handle_divrem_overflow(void* d, u64, u64) { undefined("division by zero or overflow", d); }
EXPORT void __ubsan_handle_add_overflow(void* d, u64, u64) { undefined("integer overflow in +", d); }
EXPORT void __ubsan_handle_sub_overflow(void* d, u64, u64) { undefined("integer overflow in -", d); }
EXPORT void __ubsan_handle_mul_overflow(void* d, u64, u64) { undefined("integer overflow in *", d); }
EXPORT void __ubsan_handle_negate_overflow(void* d, u64) { undefined("integer overflow in negation", d); }

EXPORT void emu_wait_for_launch_before() { fibers[self].waited = true; }

// atomicAdd and the prelude's wrappers. Relaxed ones order nothing.
enum { ACQUIRE = 1, RELEASE = 2 };
EXPORT u32 emu_atomic_add(u32* p, u32 v, int order) {
  access(p, 4, ATOMIC_WRITE, PC);
  access(p, 4, ATOMIC_READ, PC);
  if (order & ACQUIRE) acquire(p);
  if (order & RELEASE) release(p, true);
  const u32 old = *p;
  *p += v;
  return old;
}
EXPORT u64 emu_atomic_add_long(u64* p, u64 v) {
  access(p, 8, ATOMIC_WRITE, PC);
  access(p, 8, ATOMIC_READ, PC);
  const u64 old = *p;
  *p += v;
  return old;
}
EXPORT u32 emu_atomic_load(const u32* p, int order) {
  access(p, 4, ATOMIC_READ, PC);
  if (order & ACQUIRE) acquire(p);
  return *p;
}
EXPORT void emu_atomic_store(u32* p, u32 v, int order) {
  access(p, 4, ATOMIC_WRITE, PC);
  if (order & RELEASE) release(p, false);
  *p = v;
}

}  // namespace emulator
