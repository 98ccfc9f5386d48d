// Streams are lists of work that nobody has waited for yet. Waiting runs what must be done by then and no more, so that a
// forgotten wait, on the host or between streams, leaves its work undone. Clocks say what is ordered before what.
#include <algorithm>
#include <chrono>

#include "streams.h"

namespace emulator {

namespace {
struct Done { u32 epoch; size_t stream; u64 index; std::string what; };

std::vector<Stream*> streams;             // live ones
std::vector<Event*> events;
size_t stream_count = 1;                  // ids; 0 is the host
StreamClock host;
std::vector<Done> done;                   // of which somebody may still not know, by epoch
StreamClock running_clock;

void tick(StreamClock& clock, size_t id, u64 index) {
  if (clock.size() <= id) clock.resize(id + 1);
  clock[id] = index;
}
bool covers(const StreamClock& clock, const Done& d) { return d.stream < clock.size() && clock[d.stream] >= d.index; }
bool idle(const Stream* s) { return s->queue.empty(); }

// Where nothing waits and the host knows of all that was done, nobody needs to be told any more.
void settle() {
  if (!std::all_of(streams.begin(), streams.end(), idle)) return;
  streams.erase(std::remove_if(streams.begin(), streams.end(), [](Stream* s) { return s->left ? delete s, true : false; }), streams.end());
  if (std::all_of(done.begin(), done.end(), [](const Done& d) { return covers(host, d); })) done.clear();
}

int execute(const std::string& what, const StreamClock& clock, size_t stream, u64 index, const std::function<int()>& run) {
  times.operation = times.block = ++times.now;
  times.blocks.clear();
  running_clock = clock;
  const auto unordered = std::find_if(done.begin(), done.end(), [&](const Done& d) { return !covers(clock, d); });
  times.ordered_below = unordered == done.end() ? times.operation : unordered->epoch;
  done.push_back({times.operation, stream, index, what});
  const int rc = run ? run() : SUCCESS;
  if (rc != SUCCESS) {
    sticky = rc;
    for (auto s : streams) s->done = s->enqueued, s->queue.clear();
  }
  return rc;
}

int run_to(Stream* s, u64 index) {
  while (s->done < index) {
    Operation o = std::move(s->queue.front());
    s->queue.pop_front();
    if (o.after != nullptr) {
      if (int rc = run_to(o.after, o.after_index)) return rc;
    }
    if (int rc = execute(o.what, o.clock, s->id, s->done + 1, o.run)) return rc;
    s->done++;
  }
  return SUCCESS;
}

int wait_for(Stream* s, u64 index, const StreamClock& clock) {
  if (int rc = run_to(s, index)) return rc;
  join(host, clock);
  settle();
  return SUCCESS;
}

int no_event() { return error(INVALID_HANDLE, "no such event"); }
}  // namespace

void join(StreamClock& into, const StreamClock& from) {
  if (into.size() < from.size()) into.resize(from.size());
  for (size_t i = 0; i < from.size(); i++) into[i] = std::max(into[i], from[i]);
}

Stream* find_stream(void* handle) {
  auto found = std::find(streams.begin(), streams.end(), (Stream*)handle);
  if (found != streams.end() && !(*found)->of_graph) return *found;
  return error(INVALID_HANDLE, "no such stream; the default stream is not emulated"), nullptr;
}
Event* find_event(void* handle) {
  auto found = std::find(events.begin(), events.end(), (Event*)handle);
  return found == events.end() ? nullptr : *found;
}
Stream* new_stream(bool of_graph) { return streams.emplace_back(new Stream{stream_count++, {}, 0, 0, {}, of_graph}); }

bool stream_ordered(u32 epoch) {
  auto after = std::upper_bound(done.begin(), done.end(), epoch, [](u32 e, const Done& d) { return e < d.epoch; });
  return after == done.begin() || covers(running_clock, *--after);
}

std::string stream_operation(u32 epoch) {
  auto after = std::upper_bound(done.begin(), done.end(), epoch, [](u32 e, const Done& d) { return e < d.epoch; });
  if (after == done.begin()) return "an earlier operation";
  --after;
  return after->what + (after->stream == 0 ? " by the host" : format(" on stream %zu", after->stream));
}

void push(Stream* s, const std::string& what, const Uses& uses, std::function<int()> run) {
  join(s->clock, host);
  tick(s->clock, s->id, ++s->enqueued);
  s->queue.push_back({what, uses, std::move(run), s->clock});
}

void push_wait(Stream* s, Stream* after, u64 index, const StreamClock& clock) {
  join(s->clock, clock);
  push(s, "wait for an event", {}, nullptr);
  s->queue.back().after = after;
  s->queue.back().after_index = index;
}

int enqueue(void* stream, const std::string& what, const Uses& uses, std::function<int()> run) {
  if (int rc = ready()) return rc;
  Stream* s = find_stream(stream);
  if (s == nullptr) return INVALID_HANDLE;
  const int recorded = record_operation(s, what, uses, run);
  if (recorded != NOT_RECORDED) return recorded;
  push(s, what, uses, std::move(run));
  return SUCCESS;
}

bool waiting(const Allocation* a) {
  for (auto s : streams) {
    for (auto& o : s->queue) {
      if (std::find(o.uses.begin(), o.uses.end(), a) != o.uses.end()) return true;
    }
  }
  return false;
}

int at_once(const std::string& what, const Uses& uses, const std::function<int()>& run) {
  if (int rc = ready_at_once(what.c_str())) return rc;
  for (auto s : streams) {
    for (auto& o : s->queue) {
      for (auto a : o.uses) {
        if (std::find(uses.begin(), uses.end(), a) != uses.end())
          return error(ILLEGAL_STATE, format("missing synchronize: %s, while %s on stream %zu, which nobody has waited for, uses allocation %s", what.c_str(), o.what.c_str(), s->id, a->name.c_str()));
      }
    }
  }
  tick(host, 0, host.empty() ? 1 : host[0] + 1);
  const int rc = execute(what, host, 0, host[0], run);
  settle();
  return rc;
}

int drain_all() {
  for (size_t i = streams.size(); i-- > 0;) {          // the youngest first: the least likely order
    if (i >= streams.size()) continue;                 // branches of a graph that is gone were left behind
    if (int rc = wait_for(streams[i], streams[i]->enqueued, streams[i]->clock)) return rc;
  }
  return SUCCESS;
}

std::string live_streams() {
  std::string text = live_graphs();
  const size_t count = std::count_if(streams.begin(), streams.end(), [](const Stream* s) { return !s->of_graph; });
  if (count > 0) text += format("%zu streams; ", count);
  if (!events.empty()) text += format("%zu events; ", events.size());
  return text;
}

void forget_streams() {
  forget_graphs();
  for (auto s : streams) delete s;
  for (auto e : events) delete e;
  streams.clear(), events.clear(), done.clear(), host.clear();
}

// Priorities are checked and change nothing: any order of streams is tried.
constexpr int HIGHEST_PRIORITY = -5;
EXPORT int cuCtxGetStreamPriorityRange(int* lowest, int* highest) {
  Guard guard;
  if (int rc = ready()) return rc;
  *lowest = 0, *highest = HIGHEST_PRIORITY;
  return SUCCESS;
}
EXPORT int cuStreamCreateWithPriority(void** out, u32 flags, int priority) {
  Guard guard;
  if (int rc = ready()) return rc;
  if (flags != 1) return error(NOT_SUPPORTED, "cuStreamCreate: only CU_STREAM_NON_BLOCKING is emulated");
  if (priority > 0 || priority < HIGHEST_PRIORITY) return error(INVALID_VALUE, format("cuStreamCreateWithPriority: no priority %d", priority));
  *out = new_stream(false);
  return SUCCESS;
}
EXPORT int cuStreamCreate(void** out, u32 flags) { return cuStreamCreateWithPriority(out, flags, 0); }
EXPORT int cuStreamDestroy_v2(void* stream) {
  Guard guard;
  Stream* s = find_stream(stream);
  if (s == nullptr) return INVALID_HANDLE;
  if (int rc = alone(s, "cuStreamDestroy")) return rc;
  if (!s->queue.empty()) return error(ILLEGAL_STATE, format("missing synchronize: stream %zu is destroyed, and nobody has waited for %s", s->id, s->queue.front().what.c_str()));
  streams.erase(std::find(streams.begin(), streams.end(), s));
  for (auto e : events) {
    if (e->stream == s) e->stream = nullptr;
  }
  delete s;
  return SUCCESS;
}
EXPORT int cuStreamSynchronize(void* stream) {
  Guard guard;
  if (int rc = ready()) return rc;
  Stream* s = find_stream(stream);
  if (s == nullptr) return INVALID_HANDLE;
  if (int rc = alone(s, "cuStreamSynchronize")) return rc;
  return wait_for(s, s->enqueued, s->clock);
}
// Goes on by one operation each time, so that a loop of queries ends.
EXPORT int cuStreamQuery(void* stream) {
  Guard guard;
  if (int rc = ready()) return rc;
  Stream* s = find_stream(stream);
  if (s == nullptr) return INVALID_HANDLE;
  if (int rc = alone(s, "cuStreamQuery")) return rc;
  if (s->queue.empty()) return wait_for(s, s->enqueued, s->clock);
  if (int rc = run_to(s, s->done + 1)) return rc;
  return NOT_READY;
}
EXPORT int cuStreamWaitEvent(void* stream, void* event, u32) {
  Guard guard;
  if (int rc = ready()) return rc;
  Stream* s = find_stream(stream);
  Event* e = find_event(event);
  if (s == nullptr) return INVALID_HANDLE;
  if (e == nullptr) return no_event();
  const int recorded = record_wait(s, e);
  if (recorded != NOT_RECORDED) return recorded;
  if (e->stream != nullptr) push_wait(s, e->stream, e->index, e->clock);
  return SUCCESS;
}

EXPORT int cuEventCreate(void** out, u32 flags) {
  Guard guard;
  if (int rc = ready()) return rc;
  *out = events.emplace_back(new Event{nullptr, 0, {}, (flags & 2) == 0});
  return SUCCESS;
}
EXPORT int cuEventDestroy_v2(void* event) {
  Guard guard;
  Event* e = find_event(event);
  if (e == nullptr) return no_event();
  events.erase(std::find(events.begin(), events.end(), e));
  forget_event(e);
  delete e;
  return SUCCESS;
}
EXPORT int cuEventRecord(void* event, void* stream) {
  Guard guard;
  if (int rc = ready()) return rc;
  Stream* s = find_stream(stream);
  Event* e = find_event(event);
  if (s == nullptr) return INVALID_HANDLE;
  if (e == nullptr) return no_event();
  auto time = e->time = std::make_shared<double>(0);
  const int recorded = record_event(s, e);
  if (recorded != NOT_RECORDED) return recorded;
  push(s, "event", {}, [time] {
    *time = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
    return SUCCESS;
  });
  e->stream = s, e->index = s->enqueued, e->clock = s->clock;
  return SUCCESS;
}
EXPORT int cuEventSynchronize(void* event) {
  Guard guard;
  if (int rc = ready()) return rc;
  Event* e = find_event(event);
  if (e == nullptr) return no_event();
  if (int rc = recorded_event(e)) return rc;
  return e->stream == nullptr ? SUCCESS : wait_for(e->stream, e->index, e->clock);
}
EXPORT int cuEventQuery(void* event) {
  Guard guard;
  if (int rc = ready()) return rc;
  Event* e = find_event(event);
  if (e == nullptr) return no_event();
  if (int rc = recorded_event(e)) return rc;
  if (e->stream == nullptr || e->stream->done >= e->index) return SUCCESS;
  const int rc = run_to(e->stream, e->stream->done + 1);
  return rc ? rc : NOT_READY;
}
EXPORT int cuEventElapsedTime_v2(float* ms, void* from, void* to) {
  Guard guard;
  Event *a = find_event(from), *b = find_event(to);
  if (a == nullptr || b == nullptr) return no_event();
  if (!a->timed || !b->timed) return error(INVALID_HANDLE, "the event was created without timing");
  if (*a->time == 0 || *b->time == 0) return NOT_READY;
  *ms = (float)(*b->time - *a->time);
  return SUCCESS;
}

}  // namespace emulator
