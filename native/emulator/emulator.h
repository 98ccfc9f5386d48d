// CUDA on the CPU, for tests: what the parts share. One lock (driver.cpp) is held through every exported function, so nothing
// here is atomic. Kernels run on the calling thread, a fiber for each CUDA thread.
//
//   fibers      blocks, orders, deadlock, watchdog          hooks    what a kernel's loads and stores call
//   rendezvous  barriers and warp collectives               memory   allocations, a byte of shadow per byte
//   tensor      mma, ldmatrix, cp.async; wgmma              races    who touched a byte last, and what is ordered before what
//   streams     work that waits until somebody waits        graphs   work that is recorded, and enqueued as often as one likes
//   driver, module, nvrtc, cublaslt: the exported functions
#pragma once
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
struct Vec3 { u32 x, y, z; };
struct alignas(16) F4 { float v[4]; };
struct alignas(16) U4 { u32 v[4]; };
struct alignas(8) U2 { u32 v[2]; };

EXPORT Vec3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

// CUresult.
enum {
  SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101,
  INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NO_BINARY = 209, INVALID_HANDLE = 400, ILLEGAL_STATE = 401, NOT_FOUND = 500,
  NOT_READY = 600, ILLEGAL_ADDRESS = 700, LAUNCH_OUT_OF_RESOURCES = 701, LAUNCH_FAILED = 719, NOT_SUPPORTED = 801,
  CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, CAPTURE_UNMATCHED = 903, CAPTURE_UNJOINED = 904, CAPTURE_ISOLATION = 905,
  CAPTURED_EVENT = 907
};

__attribute__((format(printf, 1, 2))) std::string format(const char* f, ...);

// ---- races: stamps, clocks ----
// Time counts epochs over the whole process: a new one for every operation, block and barrier. Within an epoch a warp counts its
// own full __syncwarp.
struct Stamp { u32 epoch; u16 thread, warp_epoch, releases; };   // thread: number and flags; releases: that it had done before
struct Cell { Stamp write, read; };                    // of one byte
// Of a block: all before an epoch; in it, what some threads did before they released.
struct Known { u32 below; std::vector<Stamp> at; };
typedef std::map<u32, Known> Clock;                    // by first epoch of the block
typedef std::shared_ptr<const Clock> Knowledge;

struct Times {
  u32 now = 1, block = 1, operation = 1;  // epoch; first epoch of the block and of the operation that run
  u32 ordered_below = 1;                  // all operations before it are ordered before this one
  std::vector<u32> blocks;                // first epochs of the blocks of this launch
};
extern Times times;
enum Access { READ, WRITE, ATOMIC_READ, ATOMIC_WRITE };
inline bool writes(Access a) { return a == WRITE || a == ATOMIC_WRITE; }
// The stamp that an access is not ordered after, in the first of the bytes that has one, or null; notes the access.
const Stamp* race(Cell* cells, u64 bytes, Access access, bool shared);
inline u64 byte_of(const Stamp* stamp, const Cell* cells) { return ((const u8*)stamp - (const u8*)cells) / sizeof(Cell); }
std::string describe(const Stamp& stamp);
void acquire(const void* location);
void release(const void* location, bool keep);   // keep: what others released there stays (read-modify-write)
Knowledge merge(const Knowledge& a, const Knowledge& b);
void forget_locations();
bool stream_ordered(u32 epoch);                  // streams.cpp: is the operation of that epoch ordered before the one that runs
std::string stream_operation(u32 epoch);

// ---- memory ----
enum { ADDRESSABLE = 1, DEFINED = 2, WAS_READ = 4, WAS_WRITTEN = 8, GENERIC = 16 };  // GENERIC: written, not fenced for wgmma
struct Region {
  u8* base = nullptr;
  u64 size = 0;
  u8* shadow = nullptr;
  Cell* cells = nullptr;
  bool shared = false;
  void open(u8* at, u64 bytes);   // shadow and cells, all zero
  void close();
};
struct Moved { u64 bytes = 0, once = 0, accesses = 0; };   // once: not yet touched so by the launch
struct Allocation : Region {
  std::string name;
  bool live = true, pinned = false, touched = false;
  bool fresh = false;                        // written by the launch before
  bool pending = false, freeing = false;     // stream-ordered: not yet allocated, about to be freed
  u64 touched_from = 0, touched_to = 0;      // where the launch that runs did
  u32 born = 0;                              // epoch of the operation that allocated it
  std::vector<u32> users;                    // epochs of the operations that touched it
  Moved loads, stores;                       // by launches since emu_count
};
extern Region dynamic_shared;
extern std::vector<Allocation*> touched;         // by the launch that runs
extern std::vector<Allocation*> fresh;           // written by the one before
Allocation* allocation_at(u64 address);          // live or freed, whose pages hold the address
Allocation* allocate(u64 bytes, bool pinned);    // null when there is no room
void free_now(Allocation* a);
void use(Allocation* a);                         // notes the operation that runs
std::string unusable(const Allocation& a);       // why the operation that runs may not touch it, or nothing
std::string still_used(const Allocation& a);     // by an operation that the one that runs does not wait for, or nothing
std::string where(Region& region, u64 offset);
int live_allocations(std::string* names);
void forget_allocations();
u64 capacity();
u64 in_use();
// A whole range by the operation that runs; an empty text when it may.
std::string check_range(u64 address, u64 bytes, bool write, const char* what);

// ---- fibers ----
struct Copy { void* to; const void* from; int bytes, line; };
struct Fiber {
  void* stack_pointer;
  bool runnable, exited;
  const char* at;                            // what it waits in
  int line;
  u64 steps;                                 // since it last waited
  u16 releases;
  bool waited;                               // for the launch before
  std::vector<std::vector<Copy>> groups;     // cp.async, committed
  std::vector<Copy> open;
  Knowledge known;                           // of other blocks
};
struct Lane { u32 u[10]; const void* p; };
struct Rendezvous { const char* op; int line; u32 mask, arrived; };
struct Warp { Rendezvous slot[4]; Lane lane[32]; u16 epoch; };
constexpr int kMaxThreads = 1024;
constexpr u64 kStack = 128 << 10;
extern Fiber fibers[kMaxThreads];
extern Warp warps[kMaxThreads / 32];
extern int self, threads, live, barrier_arrived, barrier_line;   // self: the running thread, -1 outside
extern u8* stacks;
extern bool failed;
void to_scheduler();
void wait_at(const char* op, int line);
// Ends the launch. On a fiber it does not return.
void fail(int code, const std::string& text, void* pc = nullptr);
void step(void* pc);                         // watchdog.cpp: a thread that takes too many without a wait fails

// ---- launches ----
struct Symbol { std::string name; u64 address, size; };
struct Module {
  void* handle = nullptr;
  int file = -1;
  std::string path;
  u8 *low = nullptr, *high = nullptr;
  Region shared;
  std::vector<Symbol> shared_variables;
};
struct Function { Module* module; std::string name; void (*entry)(void**); int bound; std::vector<std::pair<int, int>> parameters; int dynamic = 48 << 10; };
struct Launch { Function* function; Vec3 grid, block; u32 shared_bytes; std::vector<u64> buffer; std::vector<void*> arguments; bool early = false; };   // early: may begin before the launch before it has ended
extern Launch* running;
int run(Launch& launch);                     // SUCCESS or an error that was noted
void* dynamic_shared_start();

// ---- streams ----
// Work waits until somebody waits for it.
typedef std::vector<Allocation*> Uses;
int enqueue(void* stream, const std::string& what, const Uses& uses, std::function<int()> run);
// Something the host does itself, at once; refused while work that is not waited for uses one of these.
int at_once(const std::string& what, const Uses& uses, const std::function<int()>& run);
bool waiting(const Allocation* a);  // does work use it that has not run?
int drain_all();
// Of what cannot be recorded: ready(), unless this thread is recording; that recording is then void.
int ready_at_once(const char* what);
const char* name_of_recording_error(int code);
std::string live_streams();
void forget_streams();

// ---- modules ----
std::string live_modules();
void forget_modules();
extern int compute_major, compute_minor;     // of the device
int shared_memory_limit();

// ---- errors and contexts ----
int error(int code, const std::string& text);   // notes the text for cuGetErrorString
int ready();                                    // SUCCESS when this thread may work: initialised, a context, no kernel that failed
extern int sticky;                              // the error of a kernel that failed: the context is of no more use
struct Guard {                                  // held through every exported function
  std::lock_guard<std::recursive_mutex> held;
  Guard();
};

}  // namespace emulator
