// Ends endless loops: those that do something by counting their steps, empty ones by a timer.
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "emulator.h"
#include "fibers.h"

namespace emulator {

namespace {
u64 limit = 1 << 24;                     // steps of a thread between waits
int last_thread;
u64 last_steps;

// Runs on the fiber that is stuck. Only code of the kernel may be left like this, so that nothing of ours is left half done.
void tick(int, siginfo_t*, void* context) {
  if (self < 0 || failed || running == nullptr) return;
  const auto pc = (u8*)((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
  const Module& m = *running->function->module;
  const bool stuck = self == last_thread && fibers[self].steps == last_steps && pc >= m.low && pc < m.high;
  last_thread = self, last_steps = fibers[self].steps;
  if (stuck) fail(LAUNCH_FAILED, "endless loop: a thread does nothing any more", pc + 1);
}

int signal_number() { return SIGRTMIN + 7; }  // none that a JVM uses
}  // namespace

void step(void* pc) {
  if (self >= 0 && ++fibers[self].steps > limit && !failed)
    fail(LAUNCH_FAILED, format("endless loop: a thread took %llu steps without a wait", (unsigned long long)limit), pc);
}

Watchdog::Watchdog() {
  struct sigaction action = {};
  action.sa_sigaction = tick;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
  sigaction(signal_number(), &action, nullptr);
  last_thread = -1;
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal_number();
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  const itimerspec every{{1, 0}, {1, 0}};
  timer_settime(timer, 0, &every, nullptr);
}

Watchdog::~Watchdog() { timer_delete(timer); }

EXPORT void emu_watchdog(u64 steps) {
  Guard guard;
  limit = steps;
}

}  // namespace emulator
