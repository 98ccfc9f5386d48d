#include "gatun_kernels.h"

extern "C" GATUN_EXPORT int32_t gatun_abi_version(void) { return GATUN_ABI_VERSION; }
