#include "gatun_kernels.h"

extern "C" GATUN_EXPORT int32_t gatun_cpu_features(void) {
  int32_t features = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) features |= 1;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && (features & 1))
    features |= 2;
  if (__builtin_cpu_supports("avx512bf16") && (features & 2)) features |= 4;
#endif
  return features;
}
