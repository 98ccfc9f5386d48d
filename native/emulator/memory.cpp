// Allocations in one reserved range, never at an address again, with a byte of shadow and a race cell for every byte.
#include <sys/mman.h>

#include <algorithm>

#include "emulator.h"

namespace emulator {

Region dynamic_shared;
std::vector<Allocation*> touched, fresh;

namespace {
// A wide gap, so that an overrun is charged to the right allocation.
constexpr u64 kArena = 256ull << 30, kGranule = 64 << 10, kGap = 1 << 20;
u8* arena;
u64 arena_top = kGap, used, limit = 1ull << 30;
std::vector<int> owner;                // of each granule, -1 for none
std::vector<Allocation*> all;

void* reserve(u64 bytes) { return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); }

Allocation* nearest(u64 address) {
  Allocation* best = nullptr;
  u64 distance = ~0ull;
  for (auto a : all) {
    const u64 base = (u64)a->base;
    const u64 d = address < base ? base - address : address < base + a->size ? 0 : address - base - a->size + 1;
    if (d < distance) distance = d, best = a;
  }
  return best;
}
}  // namespace

void Region::open(u8* at, u64 bytes) {
  base = at;
  size = bytes;
  shadow = (u8*)reserve(std::max<u64>(bytes, 1));
  cells = (Cell*)reserve(std::max<u64>(bytes, 1) * sizeof(Cell));
}

void Region::close() {
  if (shadow == nullptr) return;
  munmap(shadow, std::max<u64>(size, 1));
  munmap(cells, std::max<u64>(size, 1) * sizeof(Cell));
  shadow = nullptr;
}

u64 capacity() { return limit; }
u64 in_use() { return used; }
EXPORT void emu_capacity(u64 bytes) {
  Guard guard;
  limit = bytes;
}

Allocation* allocation_at(u64 address) {
  const u64 o = address - (u64)arena;
  if (arena == nullptr || o >= kArena || o / kGranule >= owner.size()) return nullptr;
  const int i = owner[o / kGranule];
  return i < 0 ? nullptr : all[i];
}

Allocation* allocate(u64 bytes, bool pinned) {
  if (arena == nullptr) arena = (u8*)reserve(kArena);
  const u64 space = (std::max<u64>(bytes, 1) + kGranule - 1) / kGranule * kGranule;
  if (arena == MAP_FAILED || arena_top + space + kGap > kArena || (!pinned && (bytes > limit || used > limit - bytes))) return nullptr;
  auto a = new Allocation;
  a->open(arena + arena_top, bytes);
  a->name = format("#%zu", all.size());
  a->pinned = pinned;
  memset(a->base, 0xff, bytes);        // not a number in every type
  memset(a->shadow, ADDRESSABLE | (pinned ? DEFINED : 0), bytes);
  owner.resize((arena_top + space) / kGranule, -1);
  std::fill(owner.begin() + arena_top / kGranule, owner.end(), (int)all.size());
  all.push_back(a);
  arena_top += space + kGap;
  if (!pinned) used += bytes;
  return a;
}

void free_now(Allocation* a) {
  a->live = false;
  if (!a->pinned) used -= a->size;
  memset(a->shadow, 0, a->size);
  madvise(a->base, a->size, MADV_DONTNEED);
}

int live_allocations(std::string* names) {
  int count = 0;
  for (auto a : all) {
    if (!a->live) continue;
    *names += format("%s%s (%llu bytes)", count++ ? ", " : "", a->name.c_str(), (unsigned long long)a->size);
  }
  return count;
}

void forget_allocations() {
  for (auto a : all) {
    a->close();
    delete a;
  }
  if (arena != nullptr) madvise(arena, arena_top, MADV_DONTNEED);
  all.clear();
  owner.clear();
  touched.clear(), fresh.clear();
  arena_top = kGap;
  used = 0;
}

// An allocation that nobody named is told by the argument that points into it.
static std::string name_of(const Allocation& a) {
  if (a.name[0] != '#' || running == nullptr) return a.name;
  for (size_t i = 0; i < running->buffer.size(); i++) {
    const u64 word = running->buffer[i];
    if (word >= (u64)a.base && word < (u64)a.base + std::max<u64>(a.size, 1)) return a.name + format(" (its address is in the arguments at byte %zu)", 8 * i);
  }
  return a.name;
}

std::string where(Region& r, u64 offset) {
  const u64 address = (u64)r.base + offset;
  if (&r == &dynamic_shared) return format("offset %lld of dynamic shared memory (%u bytes)", (long long)(address - (u64)dynamic_shared_start()), running->shared_bytes);
  if (r.shared) {
    const Symbol* best = nullptr;
    for (auto& s : running->function->module->shared_variables) {
      if (s.address <= address && (best == nullptr || s.address > best->address)) best = &s;
    }
    if (best == nullptr) return "static shared memory";
    return format("offset %llu of __shared__ %s (%llu bytes)", (unsigned long long)(address - best->address), best->name.c_str(), (unsigned long long)best->size);
  }
  const Allocation* a = nearest(address);
  if (a == nullptr) return format("address %#llx, and there is no allocation", (unsigned long long)address);
  return format("offset %lld of allocation %s (%llu bytes%s)", (long long)(address - (u64)a->base), name_of(*a).c_str(), (unsigned long long)a->size, a->live ? "" : ", freed");
}

void use(Allocation* a) {
  if (a->users.empty() || a->users.back() != times.operation) a->users.push_back(times.operation);
}

std::string unusable(const Allocation& a) {
  if (!a.live) return "use after free";
  if (a.pending) return "not allocated yet, on a stream that is not waited for";
  if (a.born >= times.ordered_below && a.born < times.operation && !stream_ordered(a.born)) return "allocated on a stream that is not waited for";
  return "";
}

std::string still_used(const Allocation& a) {
  for (u32 user : a.users) {
    if (user >= times.ordered_below && user < times.operation && !stream_ordered(user))
      return format("%s uses allocation %s and is not waited for", stream_operation(user).c_str(), a.name.c_str());
  }
  return "";
}

std::string check_range(u64 address, u64 bytes, bool write, const char* what) {
  if (bytes == 0) return "";
  Allocation* a = allocation_at(address);
  const char* kind = write ? "write" : "read";
  if (a == nullptr) return format("%s: %s at address %#llx, which is in no allocation", what, kind, (unsigned long long)address);
  const u64 first = address - (u64)a->base;
  const std::string problem = unusable(*a);
  if (!problem.empty()) return format("%s: %s: %s at %s", what, problem.c_str(), kind, where(*a, first).c_str());
  if (first + bytes > a->size) return format("%s: out of bounds: %s of %llu bytes at %s", what, kind, (unsigned long long)bytes, where(*a, first).c_str());
  use(a);
  for (u64 i = first; i < first + bytes; i++) {
    if (!write && !(a->shadow[i] & DEFINED)) return format("%s: uninitialised: read of byte %llu at %s", what, (unsigned long long)i, where(*a, i).c_str());
  }
  if (const Stamp* other = race(a->cells + first, bytes, write ? WRITE : READ, false)) {
    const u64 at = first + byte_of(other, a->cells + first);
    return format("%s: race with %s: %s at %s", what, describe(*other).c_str(), kind, where(*a, at).c_str());
  }
  for (u64 i = first; write && i < first + bytes; i++) a->shadow[i] |= DEFINED;
  return "";
}

EXPORT void emu_name(u64 address, const char* name) {
  Guard guard;
  if (Allocation* a = allocation_at(address)) a->name = name;
}

// Bytes that launches loaded since emu_count: all that any thread asked for, each byte once a launch, and in how many accesses. The same
// of stores.
EXPORT void emu_count() {
  Guard guard;
  for (auto a : all) a->loads = a->stores = Moved();
}
EXPORT int emu_bytes(u64 address, u64* out) {
  Guard guard;
  Allocation* a = allocation_at(address);
  if (a == nullptr) return INVALID_VALUE;
  memcpy(out, &a->loads, sizeof a->loads);
  memcpy(out + 3, &a->stores, sizeof a->stores);
  return SUCCESS;
}

}  // namespace emulator
