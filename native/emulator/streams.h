// What streams are made of, for those that put work on them.
#pragma once
#include "emulator.h"

namespace emulator {

typedef std::vector<u64> StreamClock;     // for each stream how many of its operations are ordered before

struct Stream;
struct Operation {
  std::string what;
  Uses uses;
  std::function<int()> run;
  StreamClock clock;
  Stream* after = nullptr;                // a wait: run that stream first,
  u64 after_index = 0;                    // up to here
};
struct Stream {
  size_t id;
  std::deque<Operation> queue;
  u64 enqueued = 0, done = 0;
  StreamClock clock;
  bool of_graph = false, left = false;    // a branch of a graph; one whose graph is gone
};
struct Event {
  Stream* stream = nullptr;
  u64 index = 0;
  StreamClock clock;
  bool timed;
  std::shared_ptr<double> time = std::make_shared<double>(0);
};

Stream* find_stream(void* handle);        // or null, which is noted
Event* find_event(void* handle);
Stream* new_stream(bool of_graph);
void push(Stream* s, const std::string& what, const Uses& uses, std::function<int()> run);
void push_wait(Stream* s, Stream* after, u64 index, const StreamClock& clock);
void join(StreamClock& into, const StreamClock& from);

// ---- graphs.cpp: what comes to a stream whose work is being recorded. These give SUCCESS, an error, or NOT_RECORDED. ----
constexpr int NOT_RECORDED = -1;
int record_operation(Stream* s, const std::string& what, const Uses& uses, const std::function<int()>& run);
int record_event(Stream* s, Event* e);
int record_wait(Stream* s, Event* e);
int recorded_event(const Event* e);       // an error when it was recorded into a graph: the host cannot wait for it
int alone(const Stream* s, const char* what);  // an error when the stream is being recorded
void forget_event(const Event* e);
std::string live_graphs();
void forget_graphs();

}  // namespace emulator
