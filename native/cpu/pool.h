// Splitting work over the threads of a context. Work is split over outputs only, so no result depends on the number of threads.
#pragma once
#include <algorithm>

#include "gatun_kernels.h"

namespace gatun {

using pool_task = void (*)(void* argument, int task, int thread);

// Runs task 0 .. tasks-1, each exactly once, in ascending order of start; returns when all are done.
void pool_run(void* pool, int tasks, pool_task task, void* argument);

// f(task, thread) for task in [0, tasks). Threads take the next task as they become free.
template <class F>
void parallel_tasks(const gatun_context* context, int tasks, F f) {
  if (context->threads == 1 || tasks <= 1) {
    for (int task = 0; task < tasks; task++) f(task, 0);
    return;
  }
  pool_run(
      context->pool, tasks, [](void* g, int task, int thread) { (*static_cast<F*>(g))(task, thread); }, &f);
}

// f(begin, end, thread) over pieces of [0, count). A piece holds at least `grain` items, which should be worth
// some ten microseconds, so that small work never wakes a thread.
template <class F>
void parallel_range(const gatun_context* context, int64_t count, int64_t grain, F f) {
  if (count <= 0) return;
  int64_t pieces = std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, 4 * (int64_t)context->threads);
  if (context->threads == 1 || pieces == 1) {
    f(int64_t{0}, count, 0);
    return;
  }
  auto piece = [&](int task, int thread) { f(count * task / pieces, count * (task + 1) / pieces, thread); };
  parallel_tasks(context, (int)pieces, piece);
}

// This thread's part of the scratch.
inline char* scratch(const gatun_context* context, int thread) {
  return static_cast<char*>(context->scratch) + thread * context->scratch_bytes;
}

}  // namespace gatun
