// The driver API: errors, the device, its context, memory and copies.
#include <algorithm>
#include <list>

#include "emulator.h"

namespace emulator {

int sticky, compute_major = 8, compute_minor = 0;

namespace {
std::recursive_mutex lock;
bool initialised;
int devices = 1, driver_version = 13000, retained;
u64 generation = 1;                       // of the context
thread_local u64 current;                 // generation that this thread has made current
int noted;
std::list<std::string> texts;             // kept: callers hold pointers

const char* name_of(int code) {
  switch (code) {
    case SUCCESS: return "CUDA_SUCCESS";
    case INVALID_VALUE: return "CUDA_ERROR_INVALID_VALUE";
    case OUT_OF_MEMORY: return "CUDA_ERROR_OUT_OF_MEMORY";
    case NOT_INITIALIZED: return "CUDA_ERROR_NOT_INITIALIZED";
    case NO_DEVICE: return "CUDA_ERROR_NO_DEVICE";
    case INVALID_DEVICE: return "CUDA_ERROR_INVALID_DEVICE";
    case INVALID_IMAGE: return "CUDA_ERROR_INVALID_IMAGE";
    case INVALID_CONTEXT: return "CUDA_ERROR_INVALID_CONTEXT";
    case NO_BINARY: return "CUDA_ERROR_NO_BINARY_FOR_GPU";
    case INVALID_HANDLE: return "CUDA_ERROR_INVALID_HANDLE";
    case ILLEGAL_STATE: return "CUDA_ERROR_ILLEGAL_STATE";
    case NOT_FOUND: return "CUDA_ERROR_NOT_FOUND";
    case NOT_READY: return "CUDA_ERROR_NOT_READY";
    case ILLEGAL_ADDRESS: return "CUDA_ERROR_ILLEGAL_ADDRESS";
    case LAUNCH_OUT_OF_RESOURCES: return "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES";
    case LAUNCH_FAILED: return "CUDA_ERROR_LAUNCH_FAILED";
    case NOT_SUPPORTED: return "CUDA_ERROR_NOT_SUPPORTED";
    default: return name_of_recording_error(code);
  }
}

std::vector<std::pair<int, int>> attributes() {  // of CUdevice_attribute
  return {{1, kMaxThreads}, {2, 1024}, {3, 1024}, {4, 64}, {5, 0x7fffffff}, {6, 65535}, {7, 65535}, {8, 48 << 10}, {10, 32},
          {16, 4}, {38, 4 << 20}, {75, compute_major}, {76, compute_minor}, {97, shared_memory_limit()}, {115, 1}};
}

// An allocation that a copy uses, and the check of its range while it runs.
Uses used(u64 address) {
  Allocation* a = allocation_at(address);
  return a == nullptr ? Uses{} : Uses{a};
}
int check(u64 address, u64 bytes, bool write, const char* what) {
  const std::string problem = check_range(address, bytes, write, what);
  return problem.empty() ? SUCCESS : error(ILLEGAL_ADDRESS, problem);
}
std::string named(const char* what, u64 address) {
  Allocation* a = allocation_at(address);
  return a == nullptr ? what : format("%s %s", what, a->name.c_str());
}
int pinned(const void* p, u64 bytes, const char* what) {
  Allocation* a = allocation_at((u64)p);
  if (a != nullptr && a->pinned && a->live && (u64)p + bytes <= (u64)a->base + a->size) return SUCCESS;
  return error(INVALID_VALUE, format("%s: an asynchronous copy needs pinned host memory", what));
}
int fill(void* stream, u64 to, u64 count, int size, u32 value, const char* what) {
  return enqueue(stream, named("memset of", to), used(to), [=] {
    if (int rc = check(to, count * size, true, what)) return rc;
    for (u64 i = 0; i < count; i++) memcpy((u8*)to + i * size, &value, size);
    return (int)SUCCESS;
  });
}
}  // namespace

Guard::Guard() : held(lock) {}

std::string format(const char* f, ...) {
  char text[2048];
  va_list a;
  va_start(a, f);
  vsnprintf(text, sizeof text, f, a);
  va_end(a);
  return text;
}

int error(int code, const std::string& text) {
  noted = code;
  texts.push_back(text);
  return code;
}

int ready() {
  if (!initialised) return error(NOT_INITIALIZED, "cuInit was not called");
  if (sticky) return sticky;
  if (retained == 0 || current != generation) return error(INVALID_CONTEXT, "this thread has no current context");
  return SUCCESS;
}

int shared_memory_limit() { return (compute_major == 8 && compute_minor == 0 ? 163 : compute_major >= 9 ? 227 : 99) << 10; }

EXPORT int cuInit(u32) {
  Guard guard;
  initialised = devices > 0;
  return devices > 0 ? (int)SUCCESS : error(NO_DEVICE, "no CUDA-capable device is detected");
}
EXPORT int cuDriverGetVersion(int* out) { return *out = driver_version, SUCCESS; }
EXPORT int cuGetErrorString(int code, const char** out) {
  Guard guard;
  *out = code == noted && code ? texts.back().c_str() : name_of(code);
  return *out == nullptr ? INVALID_VALUE : SUCCESS;
}
EXPORT int cuGetErrorName(int code, const char** out) { return *out = name_of(code), *out == nullptr ? INVALID_VALUE : SUCCESS; }

EXPORT int cuDeviceGetCount(int* out) { return *out = devices, SUCCESS; }
EXPORT int cuDeviceGet(int* out, int ordinal) { return *out = ordinal, ordinal >= 0 && ordinal < devices ? SUCCESS : INVALID_DEVICE; }
EXPORT int cuDeviceGetName(char* out, int bytes, int) { return snprintf(out, bytes, "Gatun emulator"), SUCCESS; }
EXPORT int cuDeviceTotalMem_v2(u64* out, int) { return *out = capacity(), SUCCESS; }
EXPORT int cuDeviceGetAttribute(int* out, int attribute, int) {
  for (auto& a : attributes()) {
    if (a.first == attribute) return *out = a.second, SUCCESS;
  }
  return error(INVALID_VALUE, format("device attribute %d is not emulated", attribute));
}
EXPORT int cuDeviceGetDefaultMemPool(void** pool, int) { return *pool = &devices, SUCCESS; }
EXPORT int cuMemPoolSetAttribute(void*, int, void*) { return SUCCESS; }
EXPORT int cuMemPoolTrimTo(void*, u64) { return SUCCESS; }

EXPORT int cuDevicePrimaryCtxRetain(void** out, int device) {
  Guard guard;
  if (!initialised) return error(NOT_INITIALIZED, "cuInit was not called");
  if (device < 0 || device >= devices) return INVALID_DEVICE;
  retained++;
  *out = (void*)generation;
  return SUCCESS;
}
// The last release destroys the context, and tells what it still held.
EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
  Guard guard;
  if (retained == 0) return error(INVALID_CONTEXT, "the context is released more often than it was retained");
  if (--retained > 0) return SUCCESS;
  std::string names;
  const int count = live_allocations(&names);
  std::string left = sticky ? "" : live_streams() + live_modules() + (count ? format("%d allocations: %s; ", count, names.c_str()) : "");
  forget_streams();
  forget_modules();
  forget_allocations();
  generation++;
  sticky = SUCCESS;
  return left.empty() ? (int)SUCCESS : error(ILLEGAL_STATE, "leak: the context is destroyed with " + left.substr(0, left.size() - 2));
}
EXPORT int cuCtxSetCurrent(void* context) {
  Guard guard;
  if (context != nullptr && (retained == 0 || (u64)context != generation)) return error(INVALID_CONTEXT, "no such context");
  current = (u64)context;
  return SUCCESS;
}
EXPORT int cuCtxGetCurrent(void** out) { return *out = (void*)current, SUCCESS; }
EXPORT int cuCtxSynchronize() {
  Guard guard;
  if (int rc = ready_at_once("cuCtxSynchronize")) return rc;
  return drain_all();
}

EXPORT int cuMemGetInfo_v2(u64* free, u64* total) {
  Guard guard;
  *total = capacity(), *free = capacity() - in_use();
  return ready();
}
EXPORT int cuMemAlloc_v2(u64* out, u64 bytes) {
  Guard guard;
  if (int rc = ready_at_once("an allocation")) return rc;
  if (bytes == 0) return error(INVALID_VALUE, "an allocation of 0 bytes");
  Allocation* a = allocate(bytes, false);
  if (a == nullptr) return error(OUT_OF_MEMORY, "out of memory");
  *out = (u64)a->base;
  return SUCCESS;
}
EXPORT int cuMemAllocAsync(u64* out, u64 bytes, void* stream) {
  Guard guard;
  if (int rc = cuMemAlloc_v2(out, bytes)) return rc;
  Allocation* a = allocation_at(*out);
  a->pending = true;
  const int rc = enqueue(stream, "allocation of " + a->name, {a}, [a] { return a->pending = false, a->born = times.now, (int)SUCCESS; });
  if (rc != SUCCESS) free_now(a);
  return rc;
}

static int freeable(u64 address, bool host) {
  Allocation* a = allocation_at(address);
  if (a == nullptr || (u64)a->base != address || a->pinned != host) return error(INVALID_VALUE, format("free of %#llx, which is no allocation", (unsigned long long)address));
  if (!a->live || a->freeing) return error(INVALID_VALUE, format("double free of allocation %s (%llu bytes)", a->name.c_str(), (unsigned long long)a->size));
  return SUCCESS;
}
static int release(Allocation* a) {
  const std::string user = still_used(*a);
  if (!user.empty()) return error(ILLEGAL_ADDRESS, "free too early: " + user);
  free_now(a);
  return SUCCESS;
}
EXPORT int cuMemFree_v2(u64 address) {
  Guard guard;
  if (int rc = ready()) return rc;
  if (int rc = freeable(address, false)) return rc;
  Allocation* a = allocation_at(address);
  return at_once("free of " + a->name, {a}, [a] { return release(a); });
}
EXPORT int cuMemFreeAsync(u64 address, void* stream) {
  Guard guard;
  if (int rc = ready_at_once("cuMemFreeAsync")) return rc;
  if (int rc = freeable(address, false)) return rc;
  Allocation* a = allocation_at(address);
  a->freeing = true;
  return enqueue(stream, "free of " + a->name, {}, [a] { return release(a); });
}
EXPORT int cuMemHostAlloc(void** out, u64 bytes, u32) {
  Guard guard;
  if (int rc = ready_at_once("cuMemHostAlloc")) return rc;
  Allocation* a = allocate(bytes, true);
  if (a == nullptr) return error(OUT_OF_MEMORY, "out of pinned memory");
  a->name = "pinned " + a->name;
  *out = a->base;
  return SUCCESS;
}
EXPORT int cuMemFreeHost(void* p) {
  Guard guard;
  if (int rc = ready()) return rc;
  if (int rc = freeable((u64)p, true)) return rc;
  Allocation* a = allocation_at((u64)p);
  return at_once("free of " + a->name, {a}, [a] { return free_now(a), (int)SUCCESS; });
}

EXPORT int cuMemcpyHtoD_v2(u64 to, const void* from, u64 bytes) {
  Guard guard;
  return at_once(named("copy from the host to", to), used(to), [=] {
    if (int rc = check(to, bytes, true, "cuMemcpyHtoD")) return rc;
    return memcpy((void*)to, from, bytes), (int)SUCCESS;
  });
}
EXPORT int cuMemcpyDtoH_v2(void* to, u64 from, u64 bytes) {
  Guard guard;
  return at_once(named("copy to the host from", from), used(from), [=] {
    if (int rc = check(from, bytes, false, "cuMemcpyDtoH")) return rc;
    return memcpy(to, (void*)from, bytes), (int)SUCCESS;
  });
}
EXPORT int cuMemcpyHtoDAsync_v2(u64 to, const void* from, u64 bytes, void* stream) {
  Guard guard;
  if (int rc = pinned(from, bytes, "cuMemcpyHtoDAsync")) return rc;
  Uses uses = used(to);
  uses.push_back(allocation_at((u64)from));
  return enqueue(stream, named("copy from the host to", to), uses, [=] {
    if (int rc = check(to, bytes, true, "cuMemcpyHtoDAsync")) return rc;
    return memcpy((void*)to, from, bytes), (int)SUCCESS;
  });
}
// Until it is done the host sees bytes that are no number, unless the buffer still has to be read by an earlier copy.
EXPORT int cuMemcpyDtoHAsync_v2(void* to, u64 from, u64 bytes, void* stream) {
  Guard guard;
  if (int rc = pinned(to, bytes, "cuMemcpyDtoHAsync")) return rc;
  Uses uses = used(from);
  uses.push_back(allocation_at((u64)to));
  if (ready() == SUCCESS && !waiting(uses.back())) memset(to, 0xff, bytes);
  return enqueue(stream, named("copy to the host from", from), uses, [=] {
    if (int rc = check(from, bytes, false, "cuMemcpyDtoHAsync")) return rc;
    return memcpy(to, (void*)from, bytes), (int)SUCCESS;
  });
}
EXPORT int cuMemcpyDtoDAsync_v2(u64 to, u64 from, u64 bytes, void* stream) {
  Guard guard;
  Uses uses = used(to);
  for (auto a : used(from)) uses.push_back(a);
  return enqueue(stream, named("copy to", to), uses, [=] {
    if (int rc = check(from, bytes, false, "cuMemcpyDtoDAsync")) return rc;
    if (int rc = check(to, bytes, true, "cuMemcpyDtoDAsync")) return rc;
    return memcpy((void*)to, (void*)from, bytes), (int)SUCCESS;
  });
}
EXPORT int cuMemsetD8Async(u64 to, u8 value, u64 count, void* stream) {
  Guard guard;
  return fill(stream, to, count, 1, value, "cuMemsetD8Async");
}
EXPORT int cuMemsetD16Async(u64 to, u16 value, u64 count, void* stream) {
  Guard guard;
  return fill(stream, to, count, 2, value, "cuMemsetD16Async");
}
EXPORT int cuMemsetD32Async(u64 to, u32 value, u64 count, void* stream) {
  Guard guard;
  return fill(stream, to, count, 4, value, "cuMemsetD32Async");
}

// What the machine has: devices, compute capability, driver version. For tests of what is refused.
EXPORT void emu_device(int count, int major, int minor, int driver) {
  Guard guard;
  devices = count, compute_major = major, compute_minor = minor, driver_version = driver;
  initialised = false;
}

}  // namespace emulator
