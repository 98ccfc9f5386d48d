// What ends and explains a launch.
#pragma once
#include <time.h>

#include <string>

namespace emulator {
// Where in the source an address of a kernel is: " at add.cu:12", or nothing.
std::string source_line(void* pc);

// While it lives, a thread that takes no step for seconds fails: an empty loop calls nothing that could count.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();

 private:
  timer_t timer;
};
}  // namespace emulator
