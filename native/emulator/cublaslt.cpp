// cublasLtMatmul, done plainly: D = alpha op(A) op(B) + beta C (+ bias), every sum in fp32 and rounded once. Operands are fp32, fp16 or
// bf16, of either order. What is checked as in a kernel: bounds to the byte, definedness, races with other operations.
#include "emulator.h"
#include "numbers.h"

namespace emulator {

namespace {
enum { CUBLAS_SUCCESS = 0, CUBLAS_INVALID_VALUE = 7, CUBLAS_NOT_SUPPORTED = 15, CUBLAS_EXECUTION_FAILED = 13 };
enum { R_32F = 0, R_16F = 2, R_16BF = 14, COMPUTE_32F = 68 };
enum { EPILOGUE_DEFAULT = 1, EPILOGUE_BIAS = 4 };

struct Layout { int type; u64 rows, cols; int64_t ld; int order; };
struct Product { int compute, scale, pointer_mode, transpose_a, transpose_b, epilogue, bias_type; u64 bias; };

int size_of(int type) { return type == R_32F ? 4 : 2; }
bool known(int type) { return type == R_32F || type == R_16F || type == R_16BF; }

u64 place(const Layout& l, u64 r, u64 c) { return l.order ? r * l.ld + c : c * l.ld + r; }

float get(u64 base, int type, u64 i) {
  if (type == R_32F) return ((const float*)base)[i];
  const u16 bits = ((const u16*)base)[i];
  return type == R_16BF ? from_bf16(bits) : emu_from_half(bits);
}
void set(u64 base, int type, u64 i, float v) {
  if (type == R_32F) ((float*)base)[i] = v;
  else ((u16*)base)[i] = type == R_16BF ? emu_bf16(v) : emu_half(v);
}

// A column or row of D that is not whole leaves its gap alone, so ranges are checked line by line.
std::string check(const Layout& l, u64 base, bool write, const char* name) {
  const u64 lines = l.order ? l.rows : l.cols, length = l.order ? l.cols : l.rows;
  for (u64 i = 0; i < lines; i++) {
    const std::string problem = check_range(base + i * l.ld * size_of(l.type), length * size_of(l.type), write, name);
    if (!problem.empty()) return problem;
  }
  return "";
}

struct Call { Product product; float alpha, beta; u64 a, b, c, d; Layout la, lb, lc, ld; };

int multiply(const Call& x) {
  const u64 depth = x.product.transpose_a ? x.la.rows : x.la.cols;
  const Layout bias{x.product.bias_type < 0 ? x.ld.type : x.product.bias_type, x.ld.rows, 1, (int64_t)x.ld.rows, 0};
  const bool biased = x.product.epilogue == EPILOGUE_BIAS;
  std::string problem = check(x.la, x.a, false, "cublasLtMatmul, A");
  if (problem.empty()) problem = check(x.lb, x.b, false, "cublasLtMatmul, B");
  if (problem.empty() && x.beta != 0) problem = check(x.lc, x.c, false, "cublasLtMatmul, C");
  if (problem.empty() && biased) problem = check(bias, x.product.bias, false, "cublasLtMatmul, bias");
  if (problem.empty()) problem = check(x.ld, x.d, true, "cublasLtMatmul, D");
  if (!problem.empty()) return error(ILLEGAL_ADDRESS, problem);
  for (u64 i = 0; i < x.ld.rows; i++) {
    for (u64 j = 0; j < x.ld.cols; j++) {
      float sum = 0;
      for (u64 k = 0; k < depth; k++) {
        const float a = get(x.a, x.la.type, x.product.transpose_a ? place(x.la, k, i) : place(x.la, i, k));
        const float b = get(x.b, x.lb.type, x.product.transpose_b ? place(x.lb, j, k) : place(x.lb, k, j));
        sum += a * b;
      }
      sum *= x.alpha;
      if (x.beta != 0) sum += x.beta * get(x.c, x.lc.type, place(x.lc, i, j));
      if (biased) sum += get(x.product.bias, bias.type, i);
      set(x.d, x.ld.type, place(x.ld, i, j), sum);
    }
  }
  return SUCCESS;
}

bool fits(const Call& x) {
  const u64 m = x.product.transpose_a ? x.la.cols : x.la.rows, k = x.product.transpose_a ? x.la.rows : x.la.cols;
  const u64 k2 = x.product.transpose_b ? x.lb.cols : x.lb.rows, n = x.product.transpose_b ? x.lb.rows : x.lb.cols;
  for (const Layout* l : {&x.la, &x.lb, &x.lc, &x.ld}) {
    if (l->ld < (int64_t)(l->order ? l->cols : l->rows)) return false;
  }
  return k == k2 && x.ld.rows == m && x.ld.cols == n && x.lc.rows == m && x.lc.cols == n;
}

bool supported(const Call& x) {
  const Product& p = x.product;
  return p.compute == COMPUTE_32F && p.scale == R_32F && p.pointer_mode == 0 && known(x.la.type) && x.la.type == x.lb.type && known(x.ld.type) &&
         x.lc.type == x.ld.type && (p.epilogue == EPILOGUE_DEFAULT || (p.epilogue == EPILOGUE_BIAS && p.bias != 0));
}

template <class T>
int take(T* to, const void* from, u64 bytes) {
  if (bytes != sizeof(T)) return CUBLAS_INVALID_VALUE;
  memcpy(to, from, bytes);
  return CUBLAS_SUCCESS;
}
}  // namespace

EXPORT int cublasLtCreate(void** out) {
  Guard guard;
  if (ready() != SUCCESS) return 1;  // NOT_INITIALIZED
  *out = new int;
  return CUBLAS_SUCCESS;
}
EXPORT int cublasLtDestroy(void* handle) { return delete (int*)handle, CUBLAS_SUCCESS; }
EXPORT u64 cublasLtGetVersion() { return 130000; }
EXPORT u64 cublasLtGetCudartVersion() { return 13000; }
EXPORT const char* cublasLtGetStatusName(int status) { return status == 0 ? "CUBLAS_STATUS_SUCCESS" : status == 7 ? "CUBLAS_STATUS_INVALID_VALUE" : status == 15 ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS"; }
EXPORT const char* cublasLtGetStatusString(int status) { return cublasLtGetStatusName(status); }

EXPORT int cublasLtMatrixLayoutCreate(void** out, int type, u64 rows, u64 cols, int64_t ld) {
  *out = new Layout{type, rows, cols, ld, 0};
  return known(type) ? CUBLAS_SUCCESS : CUBLAS_NOT_SUPPORTED;
}
EXPORT int cublasLtMatrixLayoutDestroy(void* layout) { return delete (Layout*)layout, CUBLAS_SUCCESS; }
EXPORT int cublasLtMatrixLayoutSetAttribute(void* layout, int attribute, const void* value, u64 bytes) {
  auto l = (Layout*)layout;
  switch (attribute) {
    case 0: return take(&l->type, value, bytes);
    case 1: return take(&l->order, value, bytes);
    case 2: return take(&l->rows, value, bytes);
    case 3: return take(&l->cols, value, bytes);
    case 4: return take(&l->ld, value, bytes);
    default: return CUBLAS_NOT_SUPPORTED;
  }
}

EXPORT int cublasLtMatmulDescCreate(void** out, int compute, int scale) { return *out = new Product{compute, scale, 0, 0, 0, EPILOGUE_DEFAULT, -1, 0}, CUBLAS_SUCCESS; }
EXPORT int cublasLtMatmulDescDestroy(void* product) { return delete (Product*)product, CUBLAS_SUCCESS; }
EXPORT int cublasLtMatmulDescSetAttribute(void* product, int attribute, const void* value, u64 bytes) {
  auto p = (Product*)product;
  switch (attribute) {
    case 2: return take(&p->pointer_mode, value, bytes);
    case 3: return take(&p->transpose_a, value, bytes);
    case 4: return take(&p->transpose_b, value, bytes);
    case 7: return take(&p->epilogue, value, bytes);
    case 8: return take(&p->bias, value, bytes);
    case 26: return take(&p->bias_type, value, bytes);
    default: return CUBLAS_NOT_SUPPORTED;
  }
}

EXPORT int cublasLtMatmulPreferenceCreate(void** out) { return *out = new u64(0), CUBLAS_SUCCESS; }
EXPORT int cublasLtMatmulPreferenceDestroy(void* preference) { return delete (u64*)preference, CUBLAS_SUCCESS; }
EXPORT int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value, u64 bytes) {
  u32 ignored;
  return attribute == 1 ? take((u64*)preference, value, bytes) : take(&ignored, value, bytes);
}

struct Heuristic { u64 algorithm[8]; u64 workspace; int state; float waves; int reserved[4]; };
EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, void* product, void* a, void* b, void* c, void* d, void*, int asked, Heuristic* out, int* count) {
  const Call x{*(Product*)product, 1, 0, 0, 0, 0, 0, *(Layout*)a, *(Layout*)b, *(Layout*)c, *(Layout*)d};
  *count = 0;
  if (!fits(x)) return CUBLAS_INVALID_VALUE;
  if (asked < 1 || !supported(x)) return CUBLAS_NOT_SUPPORTED;
  *out = Heuristic{{1}, 0, 0, 1, {}};
  *count = 1;
  return CUBLAS_SUCCESS;
}

EXPORT int cublasLtMatmul(void*, void* product, const void* alpha, u64 a, void* la, u64 b, void* lb, const void* beta, u64 c, void* lc, u64 d, void* ld, const u64* algorithm, void*, u64, void* stream) {
  Guard guard;
  const Call x{*(Product*)product, *(const float*)alpha, *(const float*)beta, a, b, c, d, *(Layout*)la, *(Layout*)lb, *(Layout*)lc, *(Layout*)ld};
  if (!fits(x)) return error(CUBLAS_INVALID_VALUE, "cublasLtMatmul: the shapes do not fit together");
  if (!supported(x) || (algorithm != nullptr && *algorithm != 1)) return error(CUBLAS_NOT_SUPPORTED, "cublasLtMatmul: these types or this epilogue are not emulated");
  Uses uses;
  for (u64 p : {a, b, c, d, x.product.bias}) {
    if (Allocation* allocation = allocation_at(p)) uses.push_back(allocation);
  }
  return enqueue(stream, "cublasLtMatmul", uses, [x] { return multiply(x); }) == SUCCESS ? CUBLAS_SUCCESS : CUBLAS_EXECUTION_FAILED;
}

}  // namespace emulator
