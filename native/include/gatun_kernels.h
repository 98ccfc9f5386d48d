// The C ABI of the CPU kernels. Rules: every function returns a gatun_status; nothing here prints, exits, throws,
// allocates or keeps state (the thread pool aside); all memory, scratch included, belongs to the caller.
#ifndef GATUN_KERNELS_H
#define GATUN_KERNELS_H
#include <stdint.h>

#define GATUN_ABI_VERSION 1
#define GATUN_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

enum gatun_status {
  GATUN_OK = 0,
  GATUN_BAD_ARGUMENT = 1,  // a shape or dtype the Java side should have refused
  GATUN_BAD_INDEX = 2,     // an id, label or segment outside its table
  GATUN_NO_SCRATCH = 3,    // context scratch too small for this shape
  GATUN_NO_THREADS = 4     // the operating system gave no thread
};

enum gatun_dtype { GATUN_F32 = 0, GATUN_F16 = 1, GATUN_BF16 = 2, GATUN_I32 = 3, GATUN_U8 = 4 };

// Row-major; element (i, j) is data[i * stride + j]. An absent matrix has data == NULL.
typedef struct {
  void* data;
  int64_t rows, cols, stride;  // in elements
  int32_t dtype;               // gatun_dtype
  int32_t reserved;
} gatun_matrix;

// The thread pool and the scratch every function may use while it runs.
typedef struct {
  void* pool;                // from gatun_pool_open
  void* scratch;             // threads * scratch_bytes, 64-byte aligned
  int64_t scratch_bytes;     // per thread
  int32_t threads;
  int32_t reserved;
} gatun_context;

int32_t gatun_abi_version(void);

#ifdef __cplusplus
}
#endif
#endif
