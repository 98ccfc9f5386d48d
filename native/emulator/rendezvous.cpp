// Barriers and warp collectives: everybody who must come comes to the same one, or the launch ends.
#include "emulator.h"
#include "rendezvous.h"

namespace emulator {

namespace {
constexpr u32 kFullMask = ~0u;

void check_mask(const char* op, u32 mask, int line) {
  const int lane = self & 31;
  if (!(mask >> lane & 1)) fail(LAUNCH_FAILED, format("divergence: %s at line %d by lane %d, which is not in its mask %08x", op, line, lane, mask));
  for (int l = 0; l < 32; l++) {
    const int t = (self & ~31) + l;
    if (!(mask >> l & 1) || (t < threads && !fibers[t].exited)) continue;
    fail(LAUNCH_FAILED, format("divergence: %s at line %d with mask %08x, but lane %d %s", op, line, mask, l, t >= threads ? "does not exist" : "has left the kernel"));
  }
}

Rendezvous* slot_of(Warp& w, const char* op, u32 mask, int line) {
  for (auto& s : w.slot) {
    if (!s.arrived || !(s.mask & mask)) continue;
    if (s.mask != mask || s.line != line || strcmp(s.op, op))
      fail(LAUNCH_FAILED, format("divergence: %s at line %d with mask %08x, while lanes %08x of the warp wait in %s at line %d with mask %08x", op, line, mask, s.arrived, s.op, s.line, s.mask));
    return &s;
  }
  for (auto& s : w.slot) {
    if (s.arrived) continue;
    s = {op, line, mask, 0};
    return &s;
  }
  fail(LAUNCH_FAILED, format("divergence: %s at line %d is the fifth collective of a warp at once", op, line));
  return nullptr;
}

// What any of these knows of other blocks, all of them know.
void share_knowledge(int first, int count, u32 mask) {
  Knowledge all;
  for (int t = first; t < first + count && t < threads; t++) {
    if (mask >> (t & 31) & 1) all = merge(all, fibers[t].known);
  }
  if (!all) return;
  for (int t = first; t < first + count && t < threads; t++) {
    if (mask >> (t & 31) & 1) fibers[t].known = all;
  }
}
}  // namespace

Lane& lane() { return warps[self >> 5].lane[self & 31]; }

void meet(const char* op, u32 mask, int line, const std::function<void(Lane*, u32)>& compute) {
  Warp& w = warps[self >> 5];
  check_mask(op, mask, line);
  Rendezvous* slot = slot_of(w, op, mask, line);
  slot->arrived |= 1u << (self & 31);
  if (slot->arrived != mask) return wait_at(op, line);
  compute(w.lane, mask);
  slot->arrived = 0;
  fibers[self].steps = 0;
  for (int l = 0; l < 32; l++) {
    if (mask >> l & 1) fibers[(self & ~31) + l].runnable = true;
  }
}

EXPORT void emu_block_barrier(int line) {
  if (barrier_arrived > 0 && line != barrier_line)
    fail(LAUNCH_FAILED, format("divergence: __syncthreads at line %d while %d threads wait in __syncthreads at line %d", line, barrier_arrived, barrier_line));
  if (live != threads)
    fail(LAUNCH_FAILED, format("divergence: __syncthreads at line %d, but %d of %d threads have left the kernel", line, threads - live, threads));
  barrier_line = line;
  if (++barrier_arrived < threads) return wait_at("__syncthreads", line);
  barrier_arrived = 0;
  fibers[self].steps = 0;
  times.now++;
  share_knowledge(0, threads, kFullMask);
  for (int t = 0; t < threads; t++) fibers[t].runnable = true;
  for (auto& w : warps) w.epoch = 0;
}

// Orders memory where all lanes meet; shuffles and ballots do not.
EXPORT void emu_warp_barrier(u32 mask, int line) {
  meet("__syncwarp", mask, line, [](Lane*, u32 m) {
    if (m != kFullMask) return;
    warps[self >> 5].epoch++;
    share_knowledge(self & ~31, 32, m);
  });
}

static int source_lane(int kind, int l, int argument, int width) {
  const int first = l & ~(width - 1), last = first + width - 1;
  switch (kind) {
    case 0: return first + (argument & (width - 1));
    case 1: return l - argument < first ? l : l - argument;
    case 2: return l + argument > last ? l : l + argument;
    default: return (l ^ argument) > last ? l : l ^ argument;
  }
}

EXPORT u32 emu_shuffle(int kind, u32 mask, u32 value, int argument, int width, int line) {
  static const char* const names[] = {"__shfl_sync", "__shfl_up_sync", "__shfl_down_sync", "__shfl_xor_sync"};
  Lane& mine = lane();
  mine.u[0] = value, mine.u[2] = (u32)argument, mine.u[3] = (u32)width;
  meet(names[kind], mask, line, [kind](Lane* lanes, u32 m) {
    for (int l = 0; l < 32; l++) {
      if (!(m >> l & 1)) continue;
      const int from = source_lane(kind, l, (int)lanes[l].u[2], (int)lanes[l].u[3]);
      lanes[l].u[4] = m >> from & 1;
      lanes[l].u[1] = lanes[from].u[0];
    }
  });
  if (!lane().u[4]) fail(LAUNCH_FAILED, format("%s at line %d reads a lane outside its mask %08x", names[kind], line, mask));
  return lane().u[1];
}

EXPORT u32 emu_ballot(u32 mask, int predicate, int line) {
  lane().u[0] = predicate != 0;
  meet("__ballot_sync", mask, line, [](Lane* lanes, u32 m) {
    u32 votes = 0;
    for (int l = 0; l < 32; l++) {
      if (m >> l & 1) votes |= lanes[l].u[0] << l;
    }
    for (int l = 0; l < 32; l++) lanes[l].u[1] = votes;
  });
  return lane().u[1];
}

}  // namespace emulator
