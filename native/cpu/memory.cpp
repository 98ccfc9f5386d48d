// Pages from the operating system: zeroed lazily, returned whole.
#include <sys/mman.h>

#include <cstddef>

#include "gatun_kernels.h"

namespace {
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kHugeFrom = int64_t{4} << 20;

char* map_pages(int64_t bytes) {
  void* pages = mmap(nullptr, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<char*>(pages);
}
}  // namespace

extern "C" GATUN_EXPORT int32_t gatun_memory_map(int64_t bytes, void** memory) {
  if (bytes <= 0 || memory == nullptr) return GATUN_BAD_ARGUMENT;
  if (bytes < kHugeFrom) {
    char* pages = map_pages(bytes);
    *memory = pages;
    return pages == nullptr ? GATUN_NO_MEMORY : GATUN_OK;
  }
  // One huge page more than asked for, then both ends cut back to the boundary and to whole 4 KiB pages.
  constexpr int64_t kPage = 4096;
  if (bytes > INT64_MAX - 2 * kHugePage) return GATUN_NO_MEMORY;
  const int64_t wanted = (bytes + kPage - 1) / kPage * kPage;
  char* pages = map_pages(wanted + kHugePage);
  if (pages == nullptr) return GATUN_NO_MEMORY;
  const int64_t head = (kHugePage - (int64_t)((uintptr_t)pages % kHugePage)) % kHugePage;
  if (head > 0) munmap(pages, (size_t)head);
  if (kHugePage - head > 0) munmap(pages + head + wanted, (size_t)(kHugePage - head));
#if defined(MADV_HUGEPAGE)
  madvise(pages + head, (size_t)wanted, MADV_HUGEPAGE);  // advice: where it is refused, small pages serve
#endif
  *memory = pages + head;
  return GATUN_OK;
}

extern "C" GATUN_EXPORT int32_t gatun_memory_unmap(void* memory, int64_t bytes) {
  return munmap(memory, (size_t)bytes) == 0 ? GATUN_OK : GATUN_BAD_ARGUMENT;
}
