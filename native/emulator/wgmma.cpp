// Products of a warpgroup, at the level of descriptors: what lies in shared memory is read, and the sums appear, at the wait.
#include <math.h>

#include "emulator.h"
#include "hooks.h"
#include "numbers.h"
#include "rendezvous.h"
#include "wgmma.h"

namespace emulator {

namespace {
constexpr int kGroup = 128;

struct Operands { float* d; const u32* a; u32 words[4]; u64 a_tile, b_tile; bool add; };
// Sums are 64 x N, an operand in registers 64 x 16: of each thread what its fragments hold.
struct Product {
  int n, line;
  bool turned;
  Operands of[kGroup];
};
struct Sums { int products; float v[64][128]; };
struct Warpgroup {
  const char* op;
  int line, arrived;
  Product making;
  std::vector<Product> open;
  std::deque<std::vector<Product>> groups;
  std::map<const float*, Sums> sums;   // by where the first thread has them
};
Warpgroup warpgroups[kMaxThreads / kGroup];
bool fenced[kMaxThreads];
struct Range { u64 offset; int bytes; };
std::vector<Range> generic[kMaxThreads];   // written by a thread since its last fence of proxies

int first() { return self / kGroup * kGroup; }
Warpgroup& mine() { return warpgroups[self / kGroup]; }

void require_hopper(const char* op, int line) {
  if (compute_major != 9 || compute_minor != 0) fail(LAUNCH_FAILED, format("%s at line %d: only GPUs of compute capability 9.0 have it", op, line));
}

// All threads of the warpgroup; the last one calls `last`.
template <class F>
void gather(const char* op, int line, F last) {
  require_hopper(op, line);
  Warpgroup& w = mine();
  if (w.arrived > 0 && (w.line != line || strcmp(w.op, op)))
    fail(LAUNCH_FAILED, format("divergence: %s at line %d, while threads of the warpgroup wait in %s at line %d", op, line, w.op, w.line));
  for (int t = first(); t < first() + kGroup; t++) {
    if (t >= threads || fibers[t].exited) fail(LAUNCH_FAILED, format("divergence: %s at line %d, but thread %d %s", op, line, t, t >= threads ? "does not exist" : "has left the kernel"));
  }
  w.op = op, w.line = line;
  if (++w.arrived < kGroup) return wait_at(op, line);
  w.arrived = 0;
  last(w);
  for (int t = first(); t < first() + kGroup; t++) fibers[t].runnable = true;
}

// f(thread, register of it, row, column) of 64 x n sums.
template <class F>
void each_sum(int n, F f) {
  for (int t = 0; t < kGroup; t++) {
    for (int i = 0; i < n / 2; i++) f(t, i, t / 32 * 16 + t % 32 / 4 + i / 2 % 2 * 8, i / 4 * 8 + t % 4 * 2 + i % 2);
  }
}

// 16 bytes of an operand, which lie there after the swizzle of 128 bytes.
const u8* piece(u64 tile, u64 offset, int line, void* pc) {
  const u64 start = (tile & 0x3fff) << 4, at = start + offset;
  if (tile >> 62 != 1 || (tile >> 49 & 7)) fail(LAUNCH_FAILED, format("wgmma at line %d: only the swizzle of 128 bytes is emulated", line));
  if (start >> 7 & 7) fail(LAUNCH_FAILED, format("wgmma at line %d: a tile begins at %llu in shared memory, which is no multiple of 1024 bytes", line, (unsigned long long)start));
  const u64 offset_there = at ^ (at >> 7 & 7) << 4;
  const u8* p = dynamic_shared.base + offset_there;
  access(p, 16, READ, pc);
  for (int i = 0; i < 16; i++) {
    if (dynamic_shared.shadow[offset_there + i] & GENERIC)
      fail(LAUNCH_FAILED, format("wgmma at line %d reads %s, which was written without fence_proxy_async after it", line, where(dynamic_shared, offset_there).c_str()), pc);
  }
  return p;
}
u64 leading(u64 tile) { return (tile >> 16 & 0x3fff) << 4; }
u64 stride(u64 tile) { return (tile >> 32 & 0x3fff) << 4; }

// put(row, k, number) of `rows` rows of 16.
template <class F>
void read_tile(u64 tile, int rows, bool turned, int line, void* pc, F put) {
  for (int i = 0; i < 2 * rows; i++) {
    const int chunk = turned ? i % (rows / 8) : i % 2, r = turned ? i / (rows / 8) : i / 2;
    const u64 offset = r / 8 * stride(tile) + r % 8 * 128 + (turned ? chunk / 8 * leading(tile) + chunk % 8 * 16 : chunk * 16);
    const u8* p = piece(tile, offset, line, pc);
    for (int e = 0; e < 8; e++) {
      u16 bits;
      memcpy(&bits, p + 2 * e, 2);
      if (turned) put(8 * chunk + e, r, from_bf16(bits));
      else put(r, 8 * chunk + e, from_bf16(bits));
    }
  }
}

struct Numbers { float a[64][16], b[16][16][8]; };   // b: by eight columns
void read_operands(const Product& p, Numbers& x, void* pc) {
  const Operands& of = p.of[0];
  read_tile(of.b_tile, p.n, p.turned, p.line, pc, [&](int n, int k, float v) { x.b[n / 8][k][n % 8] = v; });
  if (of.a == nullptr) return read_tile(of.a_tile, 64, false, p.line, pc, [&](int m, int k, float v) { x.a[m][k] = v; });
  for (int t = 0; t < kGroup; t++) {
    if (memcmp(p.of[t].a, p.of[t].words, 16)) fail(LAUNCH_FAILED, format("wgmma at line %d: registers of an operand changed before the wait", p.line), pc);
    for (int i = 0; i < 8; i++) {
      x.a[t / 32 * 16 + t % 32 / 4 + i / 2 % 2 * 8][i / 4 * 8 + t % 4 * 2 + i % 2] = from_bf16(p.of[t].words[i / 2] >> 16 * (i % 2) & 0xffff);
    }
  }
}

void begin(Warpgroup& w, void* pc) {
  static Numbers unused;
  const Product& p = w.making;
  for (int t = 0; t < kGroup; t++) {
    const Operands &x = p.of[t], &y = p.of[0];
    if (x.a_tile != y.a_tile || x.b_tile != y.b_tile || x.add != y.add) fail(LAUNCH_FAILED, format("wgmma at line %d: the threads give different tiles", p.line), pc);
    if (!fenced[first() + t]) fail(LAUNCH_FAILED, format("wgmma at line %d: no wgmma_fence since registers were last there to be written", p.line), pc);
  }
  read_operands(p, unused, pc);
  auto found = w.sums.find(p.of[0].d);
  if (found == w.sums.end()) {
    Sums& s = w.sums[p.of[0].d];
    s.products = 1;
    each_sum(p.n, [&](int t, int i, int m, int n) {
      s.v[m][n] = p.of[0].add ? p.of[t].d[i] : 0;
      p.of[t].d[i] = NAN;
    });
  } else {
    found->second.products++;
  }
  w.open.push_back(p);
}

void end(Warpgroup& w, const Product& p, void* pc) {
  static Numbers x;
  read_operands(p, x, pc);
  Sums& s = w.sums[p.of[0].d];
  for (int m = 0; m < 64; m++) {
    for (int n = 0; n < p.n; n++) s.v[m][n] = add_products(x.a[m], x.b[n / 8], n % 8, p.of[0].add ? s.v[m][n] : 0);
  }
  if (--s.products > 0) return;
  each_sum(p.n, [&](int t, int i, int m, int n) { p.of[t].d[i] = s.v[m][n]; });
  w.sums.erase(p.of[0].d);
}
}  // namespace

EXPORT void emu_wgmma(float* d, int n, const u32* a, u64 a_tile, u64 b_tile, int turned, int add, int line) {
  void* pc = __builtin_return_address(0);
  Product& p = mine().making;
  p.n = n, p.line = line, p.turned = turned != 0;
  Operands& of = p.of[self % kGroup];
  of = {d, a, {}, a_tile, b_tile, add != 0};
  if (a != nullptr) memcpy(of.words, a, 16);
  gather("wgmma", line, [=](Warpgroup& w) { begin(w, pc); });
}
EXPORT void emu_wgmma_fence(int line) {
  gather("wgmma_fence", line, [](Warpgroup&) { std::fill(fenced + first(), fenced + first() + kGroup, true); });
}
EXPORT void emu_wgmma_commit(int line) {
  gather("wgmma_commit", line, [](Warpgroup& w) {
    w.groups.push_back(w.open);
    w.open.clear();
  });
}
EXPORT void emu_wgmma_wait(int pending, int line) {
  void* pc = __builtin_return_address(0);
  gather("wgmma_wait", line, [=](Warpgroup& w) {
    for (; (int)w.groups.size() > pending; w.groups.pop_front()) {
      for (auto& p : w.groups.front()) end(w, p, pc);
    }
    std::fill(fenced + first(), fenced + first() + kGroup, false);
  });
}

void note_generic_write(u64 offset, int bytes) {
  if (compute_major != 9) return;
  for (int i = 0; i < bytes; i++) dynamic_shared.shadow[offset + i] |= GENERIC;
  generic[self].push_back({offset, bytes});
}
EXPORT void emu_fence_proxy(int line) {
  require_hopper("fence_proxy_async", line);
  for (auto& r : generic[self]) {
    for (int i = 0; i < r.bytes; i++) dynamic_shared.shadow[r.offset + i] &= (u8)~GENERIC;
  }
  generic[self].clear();
}
// Of a tile's descriptor.
EXPORT u32 emu_shared_address(const void* p) { return (u32)((const u8*)p - dynamic_shared.base); }

void forget_products() {
  for (auto& w : warpgroups) w.arrived = 0, w.open.clear(), w.groups.clear(), w.sums.clear();
  std::fill(fenced, fenced + kMaxThreads, false);
  for (auto& g : generic) g.clear();
}
void require_no_products() {
  const Warpgroup& w = mine();
  if (!w.sums.empty()) fail(LAUNCH_FAILED, format("thread ends with wgmma from line %d not waited for", w.making.line));
}

}  // namespace emulator
