// Makes device text plain C++17. The emulator's nvrtcCompileProgram includes it in front of every program; it stands for what
// the real compiler has built in, and for the bodies of the prelude's wrappers. What is missing here does not compile.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include <utility>
#define GATUN_EMULATOR 1
#define __CUDA_ARCH__ 800
#define __device__
#define __host__
#define __constant__
#define __global__ __attribute__((noinline))
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
// A pad in front of each static shared variable: an overrun lands on a byte that is not addressable.
#define EMU_CAT2(a, b) a##b
#define EMU_CAT(a, b) EMU_CAT2(a, b)
#define __shared__ static char EMU_CAT(emu_pad_, __COUNTER__)[64] __attribute__((used)); static
#define DYNAMIC_SHARED(T, name) T* const name = (T*)emu_dynamic_shared()

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; };
#define EMU_VECTOR(T, E)                                          \
  struct alignas(2 * sizeof(E)) T##2 { E x, y; };                 \
  struct alignas(4 * sizeof(E)) T##4 { E x, y, z, w; };           \
  inline T##2 make_##T##2(E x, E y) { return {x, y}; }            \
  inline T##4 make_##T##4(E x, E y, E z, E w) { return {x, y, z, w}; }
EMU_VECTOR(float, float)
EMU_VECTOR(uint, unsigned)
EMU_VECTOR(int, int)

#pragma GCC visibility push(default)
extern "C" {
// Constant for a thread while it runs; as const objects their reads are not instrumented.
extern const uint3 threadIdx, blockIdx;
extern const dim3 blockDim, gridDim;
void emu_block_barrier(int line);
void emu_warp_barrier(unsigned mask, int line);
unsigned emu_shuffle(int kind, unsigned mask, unsigned value, int lane, int width, int line);
unsigned emu_ballot(unsigned mask, int predicate, int line);
float4 emu_mma_bf16(float4 c, uint4 a, uint2 b, int line);
uint4 emu_ldmatrix(const void* row, int count, int transposed, int line);
void* emu_dynamic_shared();
void emu_cp_async(void* shared, const void* global, int bytes, int line);
void emu_cp_async_commit();
void emu_cp_async_wait(int pending);
void emu_wgmma(float* d, int n, const unsigned* a, unsigned long long a_tile, unsigned long long b_tile, int turned, int add, int line);
void emu_wgmma_fence(int line);
void emu_wgmma_commit(int line);
void emu_wgmma_wait(int pending, int line);
void emu_fence_proxy(int line);
unsigned emu_shared_address(const void* p);
void emu_wait_for_launch_before();
enum { EMU_RELAXED = 0, EMU_ACQUIRE = 1, EMU_RELEASE = 2, EMU_ACQ_REL = 3 };
unsigned emu_atomic_add(unsigned* p, unsigned v, int order);
unsigned long long emu_atomic_add_long(unsigned long long* p, unsigned long long v);
unsigned emu_atomic_load(const unsigned* p, int order);
void emu_atomic_store(unsigned* p, unsigned v, int order);
unsigned short emu_bf16(float f);
unsigned short emu_half(float f);
float emu_from_half(unsigned short h);
}
#pragma GCC visibility pop

// Every collective carries the line of its caller, so that threads that meet on different lines are seen.
#define EMU_LINE int line = __builtin_LINE()
inline void __syncthreads(EMU_LINE) { emu_block_barrier(line); }
inline void __syncwarp(unsigned mask = ~0u, EMU_LINE) { emu_warp_barrier(mask, line); }
inline unsigned __ballot_sync(unsigned mask, int p, EMU_LINE) { return emu_ballot(mask, p, line); }
inline int __any_sync(unsigned mask, int p, EMU_LINE) { return emu_ballot(mask, p, line) != 0; }
#define EMU_SHUFFLE(name, kind)                                                               \
  template <class T>                                                                          \
  inline T name(unsigned mask, T v, int lane, int width = 32, EMU_LINE) {                     \
    static_assert(sizeof(T) == 4, "shuffles move 4 bytes");                                   \
    unsigned u;                                                                               \
    __builtin_memcpy(&u, &v, 4);                                                              \
    u = emu_shuffle(kind, mask, u, lane, width, line);                                        \
    __builtin_memcpy(&v, &u, 4);                                                              \
    return v;                                                                                 \
  }
EMU_SHUFFLE(__shfl_sync, 0)
EMU_SHUFFLE(__shfl_up_sync, 1)
EMU_SHUFFLE(__shfl_down_sync, 2)
EMU_SHUFFLE(__shfl_xor_sync, 3)
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
template <class T> inline T __ldg(const T* p) { return *p; }
template <class T> inline T __ldcs(const T* p) { return *p; }
template <class T> inline void __stcs(T* p, T v) { *p = v; }
inline unsigned atomicAdd(unsigned* p, unsigned v) { return emu_atomic_add(p, v, EMU_RELAXED); }
inline unsigned long long atomicAdd(unsigned long long* p, unsigned long long v) { return emu_atomic_add_long(p, v); }
inline unsigned __byte_perm(unsigned low, unsigned high, unsigned select) {
  const unsigned long long bytes = (unsigned long long)high << 32 | low;
  unsigned r = 0;
  for (int i = 0; i < 4; i++) r |= (unsigned)(bytes >> 8 * (select >> 4 * i & 7) & 255) << 8 * i;
  return r;
}
// The program is compiled with -ffp-contract=off.
// A GPU is off by up to two units in the last place.
inline float __fdividef(float a, float b) { return nextafterf(a / b, 0); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline float __uint_as_float(unsigned u) { float f; __builtin_memcpy(&f, &u, 4); return f; }
inline unsigned __float_as_uint(float f) { unsigned u; __builtin_memcpy(&u, &f, 4); return u; }
template <class T> inline T min(T a, T b) { return b < a ? b : a; }
template <class T> inline T max(T a, T b) { return a < b ? b : a; }
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }

// The prelude's wrappers.
inline unsigned short bf16_rn(float f) { return emu_bf16(f); }
inline unsigned bf16x2_rn(float lo, float hi) { return emu_bf16(lo) | (unsigned)emu_bf16(hi) << 16; }
inline unsigned short half_rn(float f) { return emu_half(f); }
inline float half_to_float(unsigned short h) { return emu_from_half(h); }
inline float exp2_approx(float x) { return exp2f(x); }
// A GPU is off by up to one unit in the last place.
inline float reciprocal_approx(float x) { return nextafterf(1 / x, 0); }
inline float max_or_nan(float a, float b) { return a != a ? a : b != b || a < b ? b : a; }
inline float min_or_nan(float a, float b) { return a != a ? a : b != b || b < a ? b : a; }
inline int opaque(int v) { return v; }
inline void prefetch_l2(const void*) {}
inline void wait_for_launch_before() { emu_wait_for_launch_before(); }
inline void let_next_launch_begin() {}
inline unsigned atomic_add_acq_rel(unsigned* p, unsigned v) { return emu_atomic_add(p, v, EMU_ACQ_REL); }
inline unsigned load_acquire(const unsigned* p) { return emu_atomic_load(p, EMU_ACQUIRE); }
inline void store_release(unsigned* p, unsigned v) { emu_atomic_store(p, v, EMU_RELEASE); }
inline void mma_m16n8k16_bf16(float* d, const unsigned* a, const unsigned* b, EMU_LINE) {
  const float4 r = emu_mma_bf16(make_float4(d[0], d[1], d[2], d[3]), make_uint4(a[0], a[1], a[2], a[3]), make_uint2(b[0], b[1]), line);
  d[0] = r.x, d[1] = r.y, d[2] = r.z, d[3] = r.w;
}
inline uint4 ldmatrix_x4(const void* row, EMU_LINE) { return emu_ldmatrix(row, 4, 0, line); }
inline uint4 ldmatrix_x4_trans(const void* row, EMU_LINE) { return emu_ldmatrix(row, 4, 1, line); }
inline void cp_async_16(void* shared, const void* global, bool exists = true, EMU_LINE) {
  emu_cp_async(shared, exists ? global : nullptr, 16, line);
}
inline void cp_async_4(void* shared, const void* global, bool exists, EMU_LINE) {
  emu_cp_async(shared, exists ? global : nullptr, 4, line);
}
inline void cp_async_commit() { emu_cp_async_commit(); }
template <int PENDING> inline void cp_async_wait() { emu_cp_async_wait(PENDING); }
// Those of wgmma.cuh.
inline void fence_proxy_async(EMU_LINE) { emu_fence_proxy(line); }
template <int N> inline void pin(float (&)[N][4]) {}
inline void wgmma_fence(EMU_LINE) { emu_wgmma_fence(line); }
inline void wgmma_commit(EMU_LINE) { emu_wgmma_commit(line); }
template <int PENDING> inline void wgmma_wait(EMU_LINE) { emu_wgmma_wait(PENDING, line); }
inline unsigned shared_address(const void* p) { return emu_shared_address(p); }
template <bool TURNED, int N>
inline void wgmma(float (&d)[N][4], unsigned long long a, unsigned long long b, bool add, EMU_LINE) {
  emu_wgmma(d[0], 8 * N, nullptr, a, b, TURNED, add, line);
}
template <bool TURNED, int N>
inline void wgmma(float (&d)[N][4], const unsigned (&a)[4], unsigned long long b, bool add, EMU_LINE) {
  emu_wgmma(d[0], 8 * N, a, 0, b, TURNED, add, line);
}

// A launch brings a buffer of parameters without types: the compiler knows them. One line EMU_KERNEL(name, bound) for each
// kernel is appended to the program.
struct emu_parameter { int size, align; };
#define EMU_UNCHECKED __attribute__((no_sanitize("thread,undefined"), no_sanitize_coverage))
template <class... A, size_t... I>
EMU_UNCHECKED void emu_call(void (*f)(A...), void** p, std::index_sequence<I...>) { f(*(std::remove_reference_t<A>*)p[I]...); }
template <class... A>
constexpr int emu_describe(void (*)(A...), emu_parameter* out) {
  const emu_parameter list[] = {{(int)sizeof(A), (int)alignof(A)}..., {0, 0}};
  for (size_t i = 0; i < sizeof...(A); i++) out[i] = list[i];
  return sizeof...(A);
}
template <class... A> std::index_sequence_for<A...> emu_index(void (*)(A...));
#define EMU_KERNEL(name, bound)                                                                              \
  _Pragma("GCC visibility push(default)") extern "C" {                                                       \
    extern const int emu_bound_##name = bound;                                                               \
    EMU_UNCHECKED void emu_entry_##name(void** p) { emu_call(name, p, decltype(emu_index(name)){}); }        \
    int emu_parameters_##name(emu_parameter* out) { return emu_describe(name, out); }                        \
  } _Pragma("GCC visibility pop")
