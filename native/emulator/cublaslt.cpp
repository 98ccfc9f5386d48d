// cublasLtMatmul, done plainly: D = alpha op(A) op(B) + beta C (+ bias), every sum in fp32 and rounded once. Operands are fp32, fp16 or
// bf16, of either order; only the combinations of types that cuBLASLt has are taken. What is checked as in a kernel: bounds to the
// byte, definedness, races with other operations, the workspace included, which is taken to be overwritten; and that addresses are
// aligned as the algorithm was told.
#include <algorithm>

#include "emulator.h"
#include "numbers.h"

namespace emulator {

namespace {
enum { CUBLAS_SUCCESS = 0, CUBLAS_INVALID_VALUE = 7, CUBLAS_NOT_SUPPORTED = 15, CUBLAS_EXECUTION_FAILED = 13 };
enum { R_32F = 0, R_16F = 2, R_16BF = 14, COMPUTE_32F = 68 };
enum { EPILOGUE_DEFAULT = 1, EPILOGUE_BIAS = 4 };

struct Layout { int type; u64 rows, cols; int64_t ld; int order; };
constexpr u64 kWorkspace = 1 << 16;                    // what an algorithm asks for, if it may
enum { A, B, C, D, OPERANDS };
struct Preference { u64 workspace; u32 alignment[OPERANDS]; };
struct Algorithm { u64 known; u64 workspace; u32 alignment[OPERANDS]; u64 unused[4]; };
static_assert(sizeof(Algorithm) == 64, "cublasLtMatmulAlgo_t");
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

struct Call { Product product; float alpha, beta; u64 address[OPERANDS]; Layout layout[OPERANDS]; u64 workspace, workspace_bytes; };

// op(X), for A row by row and for B column by column, so that terms lie one after the other.
std::vector<float> widened(const Layout& l, u64 base, bool transposed, bool by_columns) {
  const u64 rows = transposed ? l.cols : l.rows, cols = transposed ? l.rows : l.cols, lines = by_columns ? cols : rows, depth = by_columns ? rows : cols;
  std::vector<float> out(lines * depth);
  for (u64 i = 0; i < lines; i++) {
    for (u64 k = 0; k < depth; k++) {
      const u64 r = by_columns ? k : i, c = by_columns ? i : k;
      out[i * depth + k] = get(base, l.type, transposed ? place(l, c, r) : place(l, r, c));
    }
  }
  return out;
}

std::string check(const Call& x, const Layout& bias) {
  static const char* const names[] = {"cublasLtMatmul, A", "cublasLtMatmul, B", "cublasLtMatmul, C", "cublasLtMatmul, D"};
  if (x.workspace_bytes > 0) {
    const std::string problem = check_range(x.workspace, x.workspace_bytes, true, "cublasLtMatmul, workspace");
    if (!problem.empty()) return problem;
  }
  for (int i = A; i < OPERANDS; i++) {
    if (i == C && x.beta == 0) continue;
    const std::string problem = check(x.layout[i], x.address[i], i == D, names[i]);
    if (!problem.empty()) return problem;
  }
  return x.product.epilogue == EPILOGUE_BIAS ? check(bias, x.product.bias, false, "cublasLtMatmul, bias") : "";
}

int multiply(const Call& x) {
  const Layout &d = x.layout[D], &c = x.layout[C], bias{d.type, d.rows, 1, (int64_t)d.rows, 0};
  const std::string problem = check(x, bias);
  if (!problem.empty()) return error(ILLEGAL_ADDRESS, problem);
  const std::vector<float> left = widened(x.layout[A], x.address[A], x.product.transpose_a, false);
  const std::vector<float> right = widened(x.layout[B], x.address[B], x.product.transpose_b, true);
  const u64 depth = x.product.transpose_a ? x.layout[A].rows : x.layout[A].cols;
  for (u64 i = 0; i < d.rows; i++) {
    for (u64 j = 0; j < d.cols; j++) {
      const float *a = left.data() + i * depth, *b = right.data() + j * depth;
      float sum = 0;
      for (u64 k = 0; k < depth; k++) sum += a[k] * b[k];
      sum *= x.alpha;
      if (x.beta != 0) sum += x.beta * get(x.address[C], c.type, place(c, i, j));
      if (x.product.epilogue == EPILOGUE_BIAS) sum += get(x.product.bias, bias.type, i);
      set(x.address[D], d.type, place(d, i, j), sum);
    }
  }
  return SUCCESS;
}

bool fits(const Product& p, const Layout* l) {
  const u64 m = p.transpose_a ? l[A].cols : l[A].rows, k = p.transpose_a ? l[A].rows : l[A].cols;
  const u64 k2 = p.transpose_b ? l[B].cols : l[B].rows, n = p.transpose_b ? l[B].rows : l[B].cols;
  for (int i = A; i < OPERANDS; i++) {
    if (l[i].rows == 0 || l[i].cols == 0 || l[i].ld < (int64_t)(l[i].order ? l[i].cols : l[i].rows)) return false;
  }
  return k == k2 && l[D].rows == m && l[D].cols == n && l[C].rows == m && l[C].cols == n;
}

bool supported(const Product& p, const Layout* l) {
  const bool types = known(l[A].type) && l[A].type == l[B].type && l[C].type == l[D].type && (l[D].type == R_32F || l[D].type == l[A].type);
  const bool biased = p.epilogue == EPILOGUE_BIAS && p.bias != 0 && (p.bias_type < 0 || p.bias_type == l[D].type);
  return types && p.compute == COMPUTE_32F && p.scale == R_32F && p.pointer_mode == 0 && (p.epilogue == EPILOGUE_DEFAULT || biased);
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

EXPORT int cublasLtMatmulPreferenceCreate(void** out) { return *out = new Preference{0, {256, 256, 256, 256}}, CUBLAS_SUCCESS; }
EXPORT int cublasLtMatmulPreferenceDestroy(void* preference) { return delete (Preference*)preference, CUBLAS_SUCCESS; }
EXPORT int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value, u64 bytes) {
  auto p = (Preference*)preference;
  u32 ignored;
  if (attribute == 1) return take(&p->workspace, value, bytes);
  return take(attribute >= 5 && attribute < 5 + OPERANDS ? &p->alignment[attribute - 5] : &ignored, value, bytes);
}

struct Heuristic { Algorithm algorithm; u64 workspace; int state; float waves; int reserved[4]; };
EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, void* product, void* a, void* b, void* c, void* d, void* preference, int asked, Heuristic* out, int* count) {
  const Layout layouts[] = {*(Layout*)a, *(Layout*)b, *(Layout*)c, *(Layout*)d};
  const auto& p = *(Preference*)preference;
  *count = 0;
  if (!fits(*(Product*)product, layouts)) return CUBLAS_INVALID_VALUE;
  if (asked < 1 || !supported(*(Product*)product, layouts)) return CUBLAS_NOT_SUPPORTED;
  Algorithm algorithm{1, std::min(p.workspace, kWorkspace), {}, {}};
  memcpy(algorithm.alignment, p.alignment, sizeof p.alignment);
  *out = Heuristic{algorithm, algorithm.workspace, 0, 1, {}};
  *count = 1;
  return CUBLAS_SUCCESS;
}

EXPORT int cublasLtMatmul(void*, void* product, const void* alpha, u64 a, void* la, u64 b, void* lb, const void* beta, u64 c, void* lc, u64 d, void* ld, const Algorithm* algorithm, u64 workspace, u64 workspace_bytes, void* stream) {
  Guard guard;
  Call x{*(Product*)product, *(const float*)alpha, *(const float*)beta, {a, b, c, d}, {*(Layout*)la, *(Layout*)lb, *(Layout*)lc, *(Layout*)ld}, workspace, 0};
  if (!fits(x.product, x.layout)) return error(CUBLAS_INVALID_VALUE, "cublasLtMatmul: the shapes do not fit together");
  if (!supported(x.product, x.layout)) return error(CUBLAS_NOT_SUPPORTED, "cublasLtMatmul: these types or this epilogue are not there");
  if (algorithm != nullptr) {
    if (algorithm->known != 1 || algorithm->workspace > workspace_bytes) return error(CUBLAS_INVALID_VALUE, "cublasLtMatmul: not an algorithm, or too little workspace for it");
    for (int i = A; i < OPERANDS; i++) {
      if (x.address[i] % algorithm->alignment[i] != 0) return error(CUBLAS_INVALID_VALUE, format("cublasLtMatmul: operand %d is not aligned to %u bytes", i, algorithm->alignment[i]));
    }
    x.workspace_bytes = algorithm->workspace;
  }
  Uses uses;
  for (u64 p : {a, b, c, d, x.product.bias, x.workspace_bytes > 0 ? workspace : 0}) {
    if (Allocation* allocation = allocation_at(p)) uses.push_back(allocation);
  }
  return enqueue(stream, "cublasLtMatmul", uses, [x] { return multiply(x); }) == SUCCESS ? CUBLAS_SUCCESS : CUBLAS_EXECUTION_FAILED;
}

}  // namespace emulator
