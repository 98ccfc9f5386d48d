// The thread pool: the caller works too, workers spin for a bounded time and then park.
#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

// About 50 microseconds: longer than the gap between two kernels of a step, far shorter than a time slice.
constexpr int kSpins = 2000;

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

struct Pool {
  // High half: number of the job. Low half: tasks nobody has claimed. In one word, so that a worker that slept through a
  // job cannot claim a task of the next one with the old job's function in hand.
  alignas(64) std::atomic<uint64_t> state{0};
  alignas(64) std::atomic<int> done{0};
  gatun::pool_task task = nullptr;
  void* argument = nullptr;
  int tasks = 0;

  std::mutex mutex;
  std::condition_variable work, finished;
  std::atomic<int> parked{0};
  std::atomic<bool> caller_parked{false};
  std::atomic<bool> closing{false};
  std::vector<std::thread> workers;

  // Claims and runs tasks until none is left.
  void help(int thread) {
    uint64_t seen = state.load(std::memory_order_acquire);
    while ((uint32_t)seen != 0) {
      if (!state.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel)) continue;
      // The job's fields stay as they are until the claimed task is counted as done.
      const int total = tasks;
      task(argument, total - (int)(uint32_t)seen, thread);
      if (done.fetch_add(1) + 1 == total && caller_parked.load()) {
        std::lock_guard<std::mutex> lock(mutex);
        finished.notify_one();
      }
      seen = state.load(std::memory_order_acquire);
    }
  }

  bool idle() const { return (uint32_t)state.load() == 0 && !closing.load(); }

  void work_loop(int thread) {
    while (!closing.load()) {
      for (int i = 0; i < kSpins && idle(); i++) relax();
      if (idle()) {
        std::unique_lock<std::mutex> lock(mutex);
        parked.fetch_add(1);
        work.wait(lock, [this] { return !idle(); });
        parked.fetch_sub(1);
      }
      help(thread);
    }
  }

  void run(int count, gatun::pool_task f, void* g) {
    task = f;
    argument = g;
    tasks = count;
    done.store(0);
    const uint64_t job = (state.load() >> 32) + 1;
    state.store(job << 32 | (uint32_t)count);
    if (parked.load() > 0) {
      std::lock_guard<std::mutex> lock(mutex);
      work.notify_all();
    }
    help(0);
    for (int i = 0; i < kSpins && done.load() != count; i++) relax();
    if (done.load() == count) return;
    std::unique_lock<std::mutex> lock(mutex);
    caller_parked.store(true);
    finished.wait(lock, [&] { return done.load() == count; });
    caller_parked.store(false);
  }

  void close() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      closing.store(true);
      work.notify_all();
    }
    for (std::thread& worker : workers) worker.join();
  }
};

}  // namespace

void gatun::pool_run(void* pool, int tasks, pool_task task, void* argument) {
  static_cast<Pool*>(pool)->run(tasks, task, argument);
}

extern "C" GATUN_EXPORT int32_t gatun_pool_open(int32_t threads, void** out) {
  if (threads < 2 || out == nullptr) return GATUN_BAD_ARGUMENT;
  Pool* pool = new (std::nothrow) Pool;
  if (pool == nullptr) return GATUN_NO_MEMORY;
  try {
    pool->workers.reserve(threads - 1);
    for (int thread = 1; thread < threads; thread++) pool->workers.emplace_back(&Pool::work_loop, pool, thread);
  } catch (const std::exception&) {
    pool->close();
    delete pool;
    return GATUN_NO_THREADS;
  }
  *out = pool;
  return GATUN_OK;
}

extern "C" GATUN_EXPORT int32_t gatun_pool_close(void* opened) {
  if (opened == nullptr) return GATUN_BAD_ARGUMENT;
  Pool* pool = static_cast<Pool*>(opened);
  pool->close();
  delete pool;
  return GATUN_OK;
}
