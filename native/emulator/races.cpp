// Who touched a byte last, and whether that is ordered before the access that comes now: within a block by barriers and full
// __syncwarp, between blocks by acquire and release only, between operations by streams, events and waits of the host.
#include <algorithm>

#include "emulator.h"

namespace emulator {

Times times;

namespace {
// Flags beside a thread's number. A stamp that stands for several accesses is the last one, and says whose others there were.
enum : u16 { kThread = 0x3ff, kAtomic = 0x400, kManyLanes = 0x800, kManyWarps = 0x1000, kManyBlocks = 0x2000 };

std::map<const void*, Knowledge> locations;  // what was released at an address

u16 thread_of(const Stamp& s) { return s.thread & kThread; }
u16 warp_epoch() { return self < 0 ? 0 : warps[self >> 5].epoch; }

bool known(const Stamp& s) {
  if (self < 0 || !fibers[self].known) return false;
  const Clock& clock = *fibers[self].known;
  auto block = clock.upper_bound(s.epoch);
  if (block == clock.begin()) return false;
  --block;
  const u32 first = block->first;
  for (u32 other : times.blocks) {
    if (other > first && other <= s.epoch) return false;  // a block that the clock knows nothing of
  }
  if (s.epoch != block->second.below) return s.epoch < block->second.below;
  for (auto& at : block->second.at) {
    if (at.thread == thread_of(s) && s.releases <= at.releases) return true;
    if (at.thread >> 5 == thread_of(s) >> 5 && s.warp_epoch < at.warp_epoch) return true;
  }
  return false;
}

// Is the access of a stamp ordered before this thread's next one?
bool ordered(const Stamp& s, u32 base) {
  if (s.epoch < base) return true;
  if (s.epoch < times.operation) return stream_ordered(s.epoch);
  if (self < 0) return true;               // copies and the like are one thread
  if (s.epoch < times.block) return known(s);
  if (s.epoch < times.now || thread_of(s) == self) return true;
  return thread_of(s) >> 5 == self >> 5 && s.warp_epoch < warp_epoch();
}

// All accesses that a stamp stands for. Of several blocks only the last is kept: a thread counts as ordered after all of them
// when it knows of every block of the launch.
bool all_ordered(const Stamp& s, u32 base) {
  if (s.epoch < base) return true;
  if (s.epoch < times.operation) return stream_ordered(s.epoch);
  if (s.thread & kManyBlocks) {
    const size_t others = times.blocks.empty() ? 0 : times.blocks.size() - 1;
    const size_t seen = self >= 0 && fibers[self].known ? fibers[self].known->size() : 0;
    if (seen < others) return false;
  }
  if (s.epoch == times.now) {
    if (s.thread & kManyWarps) return false;
    if (s.thread & kManyLanes && s.warp_epoch == warp_epoch()) return false;
  }
  return ordered(s, base);
}

Stamp mine(u16 flags) {
  if (self < 0) return {times.now, flags, 0, 0};
  return {times.now, (u16)(self | flags), warp_epoch(), fibers[self].releases};
}

// This access joined to those a stamp stands for.
void join(Stamp& s, u32 base, u16 flags) {
  if (s.epoch >= base) {
    flags |= s.thread & kManyBlocks;
    if (s.epoch < times.block) {
      flags |= kManyBlocks;
    } else if (s.epoch == times.now && self >= 0) {
      flags |= s.thread & kManyWarps;
      if (thread_of(s) >> 5 != self >> 5) flags |= kManyWarps;
      else if (s.warp_epoch == warp_epoch()) flags |= (s.thread & kManyLanes) | (thread_of(s) != self ? kManyLanes : 0);
    }
  }
  s = mine(flags);
}

const Stamp* race(Cell& cell, Access access, bool shared) {
  const u32 base = shared ? times.block : times.ordered_below;  // the shared memory of another block is other memory
  const bool after_atomics = (cell.write.thread & kAtomic) && cell.write.epoch >= base;
  switch (access) {
    case READ:
      if (!all_ordered(cell.write, base)) return &cell.write;
      join(cell.read, base, 0);
      break;
    case WRITE:
      if (!all_ordered(cell.write, base)) return &cell.write;
      if (!all_ordered(cell.read, base)) return &cell.read;
      cell.write = mine(0);
      break;
    case ATOMIC_READ:
      if (!after_atomics && !all_ordered(cell.write, base)) return &cell.write;
      break;
    case ATOMIC_WRITE:
      if (!after_atomics && !all_ordered(cell.write, base)) return &cell.write;
      if (!all_ordered(cell.read, base)) return &cell.read;
      if (after_atomics) join(cell.write, base, kAtomic);
      else cell.write = mine(kAtomic);
      break;
  }
  return nullptr;
}
}  // namespace

// Most often all bytes were last touched together: what is the case for one is then the case for the next.
const Stamp* race(Cell* cells, u64 bytes, Access access, bool shared) {
  Cell before, after;
  for (u64 i = 0; i < bytes; i++) {
    if (i > 0 && memcmp(&cells[i], &before, sizeof before) == 0) {
      cells[i] = after;
      continue;
    }
    before = cells[i];
    if (const Stamp* other = race(cells[i], access, shared)) return other;
    after = cells[i];
  }
  return nullptr;
}

std::string describe(const Stamp& s) {
  if (s.epoch < times.operation) return stream_operation(s.epoch);
  const std::string by = format("thread %d", thread_of(s));
  if (s.epoch >= times.block) return by;
  size_t block = 0;
  while (block + 1 < times.blocks.size() && times.blocks[block + 1] <= s.epoch) block++;
  return by + format(" of another block, number %zu to run", block);
}

namespace {
// Each stamp once: two clocks have most of them from the same releases.
void add_missing(std::vector<Stamp>& at, const std::vector<Stamp>& more) {
  for (const Stamp& s : more) {
    const auto same = [&](const Stamp& o) { return o.thread == s.thread && o.warp_epoch == s.warp_epoch && o.releases == s.releases; };
    if (std::none_of(at.begin(), at.end(), same)) at.push_back(s);
  }
}
}  // namespace

Knowledge merge(const Knowledge& a, const Knowledge& b) {
  if (!a || a == b) return b;
  if (!b) return a;
  auto both = std::make_shared<Clock>(*a);
  for (auto& [block, theirs] : *b) {
    auto found = both->find(block);
    if (found == both->end() || found->second.below < theirs.below) (*both)[block] = theirs;
    else if (found->second.below == theirs.below) add_missing(found->second.at, theirs.at);
  }
  return both;
}

void acquire(const void* location) {
  auto found = locations.find(location);
  if (found == locations.end()) return;
  auto known = std::make_shared<Clock>(*merge(fibers[self].known, found->second));
  known->erase(times.block);  // what this block did is ordered by its own barriers
  fibers[self].known = known;
}

void release(const void* location, bool keep) {
  auto clock = fibers[self].known ? std::make_shared<Clock>(*fibers[self].known) : std::make_shared<Clock>();
  (*clock)[times.block] = {times.now, {mine(0)}};
  fibers[self].releases++;
  Knowledge released = clock;
  locations[location] = keep ? merge(locations[location], released) : released;
}

void forget_locations() { locations.clear(); }

}  // namespace emulator
