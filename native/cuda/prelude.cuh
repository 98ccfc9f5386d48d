// In front of every kernel: short names, matrices, and the only PTX. A kernel file has no include and no assembly. Ordering between
// blocks goes through the acquire and release wrappers only. The emulator has host bodies of the same functions.
//
// A kernel is declared as  extern "C" __global__ void __launch_bounds__(threads) name(parameters) : every launch has exactly so many
// threads a block, and its arguments are checked against the names and types that stand there. It works with any number of blocks.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
#define DEVICE static __device__ __forceinline__

#ifndef GATUN_EMULATOR
#define DYNAMIC_SHARED(T, name) extern __shared__ __align__(16) T name[]

// To nearest even; subnormal numbers and NaN are kept.
DEVICE u16 bf16_rn(float f) {
  u16 r;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r) : "f"(f));
  return r;
}
DEVICE u32 bf16x2_rn(float lo, float hi) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
  return r;
}
DEVICE u16 half_rn(float f) {
  u16 r;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(f));
  return r;
}
DEVICE float half_to_float(u16 h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
  return f;
}

// 2^x to 2^-22 of it; exactly 1 at 0 and exactly 0 at -infinity. NaN stays.
DEVICE float exp2_approx(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}

// 1 / x, 1 ulp; 0 where that is subnormal.
DEVICE float reciprocal_approx(float x) {
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}

// The larger and the smaller of two numbers; NaN if either is.
DEVICE float max_or_nan(float a, float b) {
  float r;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
}
DEVICE float min_or_nan(float a, float b) {
  float r;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
}

// v, of which the compiler knows nothing: what follows from it is computed where it is used, and not kept in registers until then.
DEVICE int opaque(int v) {
  asm volatile("" : "+r"(v));
  return v;
}

// What is done before a release is seen after an acquire that reads what it wrote.
DEVICE u32 atomic_add_acq_rel(u32* p, u32 v) {
  u32 old;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], %2;" : "=r"(old) : "l"(p), "r"(v) : "memory");
  return old;
}
DEVICE u32 load_acquire(const u32* p) {
  u32 v;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
DEVICE void store_release(u32* p, u32 v) { asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory"); }

// A launch may begin before the one before it has ended: what that wrote is there after the wait. Where it does not, and before
// sm_90, there is nothing to wait for. The next one may begin when all blocks have let it, or ended.
DEVICE void wait_for_launch_before() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
DEVICE void let_next_launch_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Brings the line of an address near; one that does not exist is passed over.
DEVICE void prefetch_l2(const void* p) { asm volatile("prefetch.global.L2 [%0];" ::"l"(p)); }

// d (16x8, fp32) += a (16x16, bf16) b (16x8, bf16), in the fragments of the PTX ISA.
DEVICE void mma_m16n8k16_bf16(float* d, const u32* a, const u32* b) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
DEVICE u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }
// Four 8x8 matrices of 16-bit elements; lane 8 i + r gives the address of row r of matrix i.
DEVICE uint4 ldmatrix_x4(const void* row) {
  uint4 r;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w) : "r"(shared_address(row)) : "memory");
  return r;
}
DEVICE uint4 ldmatrix_x4_trans(const void* row) {
  uint4 r;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w) : "r"(shared_address(row)) : "memory");
  return r;
}
// 16 or 4 bytes, or zeros in place of what does not exist, to shared memory: there after a wait that leaves at most PENDING younger
// groups under way.
DEVICE void cp_async_16(void* shared, const void* global, bool exists = true) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(exists ? 16 : 0)
               : "memory");
}
DEVICE void cp_async_4(void* shared, const void* global, bool exists) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(exists ? 4 : 0)
               : "memory");
}
DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING>
DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}
#endif

// Row-major; element (i, j) is data[i * stride + j]. As in io.gatun.kernels.cuda.CudaLaunch.
struct Matrix {
  void* data;
  i64 rows, cols, stride;  // in elements
  int dtype, reserved;
};
enum { F32 = 0, F16 = 1, BF16 = 2 };
struct f16 { u16 bits; };
struct bf16 { u16 bits; };

DEVICE float load(const float* p) { return *p; }
DEVICE float load(const f16* p) { return half_to_float(p->bits); }
DEVICE float load(const bf16* p) { return __uint_as_float((u32)p->bits << 16); }
DEVICE void store(float* p, float v) { *p = v; }
DEVICE void store(f16* p, float v) { p->bits = half_rn(v); }
DEVICE void store(bf16* p, float v) { p->bits = bf16_rn(v); }

template <class T>
DEVICE float rounded(T*, float v) {
  T h;
  store(&h, v);
  return load(&h);
}

// Row i of a matrix, of the type of the first argument, which is not read.
template <class T>
DEVICE T* row(T*, const Matrix& m, i64 i) {
  return (T*)m.data + i * m.stride;
}

// f of a null pointer of the type of the elements.
template <class F>
DEVICE void with_compute_type(int dtype, F f) {
  if (dtype == F32) f((float*)nullptr);
  else f((bf16*)nullptr);
}
template <class F>
DEVICE void with_type(int dtype, F f) {
  if (dtype == F16) f((f16*)nullptr);
  else with_compute_type(dtype, f);
}

// Eight neighbours as they lie in memory; the types of 16 bits in four words.
constexpr int EIGHT = 8;
template <class T> struct Piece { u32 word[EIGHT / 2]; };
template <> struct Piece<float> { float v[EIGHT]; };
DEVICE void unpack(const Piece<float>& e, float* v) {
#pragma unroll
  for (int k = 0; k < EIGHT; k++) v[k] = e.v[k];
}
template <class T>
DEVICE void unpack(const Piece<T>& e, float* v) {
#pragma unroll
  for (int k = 0; k < EIGHT; k++) {
    const T h = {(u16)(e.word[k / 2] >> 16 * (k % 2))};
    v[k] = load(&h);
  }
}

// Of eight neighbours the first n exist; the others are 0. Whole and aligned ones are read and written 16 bytes at a time.
DEVICE bool whole(const void* p, int n) { return n == EIGHT && (u64)p % 16 == 0; }
DEVICE void read8(const float* p, int n, Piece<float>& e) {
  if (whole(p, n)) {
    const float4 a = *(const float4*)p, b = *(const float4*)(p + 4);
    e.v[0] = a.x, e.v[1] = a.y, e.v[2] = a.z, e.v[3] = a.w, e.v[4] = b.x, e.v[5] = b.y, e.v[6] = b.z, e.v[7] = b.w;
    return;
  }
#pragma unroll
  for (int k = 0; k < EIGHT; k++) e.v[k] = k < n ? p[k] : 0;
}
template <class T>
DEVICE void read8(const T* p, int n, Piece<T>& e) {
  if (whole(p, n)) {
    const uint4 w = *(const uint4*)p;
    e.word[0] = w.x, e.word[1] = w.y, e.word[2] = w.z, e.word[3] = w.w;
    return;
  }
#pragma unroll
  for (int k = 0; k < EIGHT; k += 2) e.word[k / 2] = (k < n ? p[k].bits : 0) | (k + 1 < n ? (u32)p[k + 1].bits << 16 : 0);
}
template <class T>
DEVICE void load8(const T* p, int n, float* v) {
  Piece<T> e;
  read8(p, n, e);
  unpack(e, v);
}
DEVICE void store8(float* p, int n, const float* v) {
  if (whole(p, n)) {
    *(float4*)p = make_float4(v[0], v[1], v[2], v[3]);
    *(float4*)(p + 4) = make_float4(v[4], v[5], v[6], v[7]);
    return;
  }
#pragma unroll
  for (int k = 0; k < EIGHT; k++) {
    if (k < n) p[k] = v[k];
  }
}
template <class T>
DEVICE void store8(T* p, int n, const float* v) {
  T h[EIGHT];
#pragma unroll
  for (int k = 0; k < EIGHT; k++) store(&h[k], v[k]);
  if (whole(p, n)) {
    *(uint4*)p = make_uint4(h[0].bits | (u32)h[1].bits << 16, h[2].bits | (u32)h[3].bits << 16, h[4].bits | (u32)h[5].bits << 16,
                            h[6].bits | (u32)h[7].bits << 16);
    return;
  }
#pragma unroll
  for (int k = 0; k < EIGHT; k++) {
    if (k < n) p[k] = h[k];
  }
}

// f(i, k) for k below count in each of the rows, by one thread each, whatever the number of blocks.
template <class F>
DEVICE void each_item(i64 rows, i64 count, F f) {
  const i64 spans = (count + blockDim.x - 1) / blockDim.x;
  for (i64 b = blockIdx.x; b < rows * spans; b += gridDim.x) {
    const i64 i = b / spans, k = (b - i * spans) * blockDim.x + threadIdx.x;
    if (k < count) f(i, k);
  }
}
// f(i, first, n) for pieces of at most eight neighbours in row i.
template <class F>
DEVICE void each_piece(const Matrix& m, F f) {
  each_item(m.rows, (m.cols + EIGHT - 1) / EIGHT, [&](i64 i, i64 k) {
    const i64 first = k * EIGHT;
    f(i, first, (int)(m.cols - first < EIGHT ? m.cols - first : EIGHT));
  });
}

constexpr int WARP = 32, BLOCK = 256;

struct Sum { DEVICE float of(float a, float b) { return a + b; } };
struct Largest { DEVICE float of(float a, float b) { return max(a, b); } };  // of numbers: NaN is left out

// The same bits in every lane: a tree in a fixed order.
template <class F>
DEVICE float warp_reduce(float v) {
#pragma unroll
  for (int d = WARP / 2; d > 0; d /= 2) v = F::of(v, __shfl_xor_sync(~0u, v, d));
  return v;
}
// Each of N numbers over a team (a warp, or a block of SIZE threads): the same bits in all of its threads.
template <class F, int SIZE, int N>
DEVICE void team_reduce(float (&v)[N]) {
#pragma unroll
  for (int k = 0; k < N; k++) v[k] = warp_reduce<F>(v[k]);
  if constexpr (SIZE > WARP) {
    __shared__ float parts[N][SIZE / WARP];
    __syncthreads();  // the last results have been read
    if (threadIdx.x % WARP == 0) {
#pragma unroll
      for (int k = 0; k < N; k++) parts[k][threadIdx.x / WARP] = v[k];
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < N; k++) {
      v[k] = parts[k][0];
#pragma unroll
      for (int w = 1; w < SIZE / WARP; w++) v[k] = F::of(v[k], parts[k][w]);
    }
  }
}
