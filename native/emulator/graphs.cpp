// Graphs: work recorded from a stream, and from those that its events reach, to be enqueued as a whole. A launch puts the recorded
// work on streams of the graph's own, one for each that was recorded, with the waits between them: what the recording forgot to order
// is not ordered, and is seen as a race or as work that has not been done.
#include <algorithm>
#include <thread>

#include "streams.h"

namespace emulator {

namespace {
enum Kind { RUN, RECORD, WAIT };
struct Step {
  Kind kind;
  size_t branch, event;                   // event: by number of its recording
  std::string what;
  Uses uses;
  std::function<int()> run;
};
struct Graph { size_t branches = 0, recordings = 0; std::vector<Step> steps; };
struct Executable { Graph graph; std::vector<Stream*> branches; };

// Of the recording that goes on; one at a time. Events know it until they are recorded again, after its end too.
struct Recorded { size_t number; StreamClock known; bool current; };
std::map<const Event*, Recorded> recorded;
struct Recording {
  std::vector<Stream*> members;           // the first is where it began
  std::vector<StreamClock> known;         // of each member: how many steps of each are ordered before
  std::thread::id thread;
  bool broken = false;
  Graph graph;
};
std::unique_ptr<Recording> recording;
std::vector<Graph*> graphs;
std::vector<Executable*> executables;
u64 launches;

template <class T>
T* find(const std::vector<T*>& list, void* handle) {
  auto found = std::find(list.begin(), list.end(), (T*)handle);
  return found == list.end() ? nullptr : *found;
}
constexpr size_t NONE = ~(size_t)0;
size_t branch_of(const Stream* s) {
  if (recording == nullptr) return NONE;
  auto found = std::find(recording->members.begin(), recording->members.end(), s);
  return found == recording->members.end() ? NONE : found - recording->members.begin();
}
int refuse(int code, const std::string& text) {
  if (recording != nullptr) recording->broken = true;
  return error(code, text);
}
int note(Step step) {
  if (recording->broken) return error(CAPTURE_INVALIDATED, "the recording is void since something was refused");
  StreamClock& known = recording->known[step.branch];
  if (step.kind == RUN) known.resize(std::max(known.size(), step.branch + 1)), known[step.branch]++;
  recording->graph.steps.push_back(std::move(step));
  return SUCCESS;
}
// Whether the first member knows of everything that the others were given.
bool joined() {
  const StreamClock& first = recording->known[0];
  for (size_t i = 1; i < recording->known.size(); i++) {
    const StreamClock& own = recording->known[i];
    const u64 steps = i < own.size() ? own[i] : 0;
    if (steps > (i < first.size() ? first[i] : 0)) return false;
  }
  return true;
}
}  // namespace

int ready_at_once(const char* what) {
  if (int rc = ready()) return rc;
  if (recording == nullptr || recording->thread != std::this_thread::get_id()) return SUCCESS;
  return refuse(CAPTURE_UNSUPPORTED, format("%s cannot be recorded into a graph", what));
}
int alone(const Stream* s, const char* what) {
  return branch_of(s) == NONE ? (int)SUCCESS : refuse(CAPTURE_UNSUPPORTED, format("%s of a stream whose work is being recorded into a graph", what));
}
int recorded_event(const Event* e) {
  if (recorded.count(e) == 0) return SUCCESS;
  return refuse(CAPTURED_EVENT, "a wait for an event that was recorded into a graph");
}
int record_operation(Stream* s, const std::string& what, const Uses& uses, const std::function<int()>& run) {
  const size_t branch = branch_of(s);
  return branch == NONE ? NOT_RECORDED : note({RUN, branch, 0, what, uses, run});
}
int record_event(Stream* s, Event* e) {
  const size_t branch = branch_of(s);
  recorded.erase(e);
  if (branch == NONE) return NOT_RECORDED;
  const size_t number = recording->graph.recordings++;
  recorded[e] = {number, recording->known[branch], true};
  return note({RECORD, branch, number, "", {}, nullptr});
}
// A stream becomes a member by waiting for an event of one.
int record_wait(Stream* s, Event* e) {
  size_t branch = branch_of(s);
  const auto found = recorded.find(e);
  if (found == recorded.end()) {
    if (branch == NONE) return NOT_RECORDED;
    return refuse(CAPTURE_ISOLATION, "work that is being recorded waits for an event of work that is not");
  }
  if (!found->second.current) return refuse(CAPTURED_EVENT, "a wait for an event that was recorded into a graph");
  if (branch == NONE) {
    branch = recording->members.size();
    recording->members.push_back(s);
    recording->known.emplace_back();
  }
  join(recording->known[branch], found->second.known);
  return note({WAIT, branch, found->second.number, "", {}, nullptr});
}
void forget_event(const Event* e) { recorded.erase(e); }

std::string live_graphs() {
  std::string text;
  if (!graphs.empty()) text += format("%zu graphs; ", graphs.size());
  if (!executables.empty()) text += format("%zu executable graphs; ", executables.size());
  return text;
}
void forget_graphs() {
  for (auto g : graphs) delete g;
  for (auto x : executables) delete x;
  graphs.clear(), executables.clear(), recorded.clear(), recording.reset();
}
const char* name_of_recording_error(int code) {
  switch (code) {
    case CAPTURE_UNSUPPORTED: return "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED";
    case CAPTURE_INVALIDATED: return "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED";
    case CAPTURE_UNMATCHED: return "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED";
    case CAPTURE_UNJOINED: return "CUDA_ERROR_STREAM_CAPTURE_UNJOINED";
    case CAPTURE_ISOLATION: return "CUDA_ERROR_STREAM_CAPTURE_ISOLATION";
    case CAPTURED_EVENT: return "CUDA_ERROR_CAPTURED_EVENT";
    default: return nullptr;
  }
}

EXPORT int cuStreamBeginCapture_v2(void* stream, int mode) {
  Guard guard;
  if (int rc = ready()) return rc;
  Stream* s = find_stream(stream);
  if (s == nullptr) return INVALID_HANDLE;
  if (mode != 1) return error(NOT_SUPPORTED, "cuStreamBeginCapture: only CU_STREAM_CAPTURE_MODE_THREAD_LOCAL is emulated");
  if (recording != nullptr) return refuse(ILLEGAL_STATE, "cuStreamBeginCapture: a recording goes on");
  recording.reset(new Recording);
  recording->members = {s};
  recording->known.resize(1);
  recording->thread = std::this_thread::get_id();
  return SUCCESS;
}
EXPORT int cuStreamEndCapture(void* stream, void** out) {
  Guard guard;
  if (int rc = ready()) return rc;
  *out = nullptr;
  const size_t branch = branch_of(find_stream(stream));
  if (branch == NONE) return error(ILLEGAL_STATE, "cuStreamEndCapture: the work of this stream is not being recorded");
  if (branch != 0) return refuse(CAPTURE_UNMATCHED, "cuStreamEndCapture: the recording did not begin with this stream");
  const bool whole = joined(), broken = recording->broken;
  for (auto& e : recorded) e.second.current = false;
  Graph graph = std::move(recording->graph);
  graph.branches = recording->members.size();
  recording.reset();
  if (broken) return error(CAPTURE_INVALIDATED, "the recording is void since something was refused");
  if (!whole) return error(CAPTURE_UNJOINED, "cuStreamEndCapture: the stream does not wait for all the work that was recorded on others");
  *out = graphs.emplace_back(new Graph(std::move(graph)));
  return SUCCESS;
}
EXPORT int cuGraphInstantiateWithFlags(void** out, void* graph, u64 flags) {
  Guard guard;
  if (int rc = ready_at_once("cuGraphInstantiate")) return rc;
  const Graph* g = find(graphs, graph);
  if (g == nullptr) return error(INVALID_HANDLE, "no such graph");
  if (flags != 0) return error(NOT_SUPPORTED, "cuGraphInstantiate: no flags are emulated");
  auto x = executables.emplace_back(new Executable{*g, {}});
  for (size_t i = 0; i < g->branches; i++) x->branches.push_back(new_stream(true));
  *out = x;
  return SUCCESS;
}
EXPORT int cuGraphLaunch(void* executable, void* stream) {
  Guard guard;
  if (int rc = ready()) return rc;
  Executable* x = find(executables, executable);
  Stream* s = find_stream(stream);
  if (x == nullptr) return error(INVALID_HANDLE, "no such executable graph");
  if (s == nullptr) return INVALID_HANDLE;
  if (branch_of(s) != NONE) return refuse(NOT_SUPPORTED, "a graph in a graph is not emulated");
  launches++;
  push(s, "graph", {}, nullptr);
  for (auto b : x->branches) push_wait(b, s, s->enqueued, s->clock);
  struct Point { Stream* stream; u64 index; StreamClock clock; };
  std::vector<Point> points(x->graph.recordings);
  for (auto& step : x->graph.steps) {
    Stream* b = x->branches[step.branch];
    switch (step.kind) {
      case RUN: push(b, step.what + " of a graph", step.uses, step.run); break;
      case RECORD: points[step.event] = {b, b->enqueued, b->clock}; break;
      case WAIT: push_wait(b, points[step.event].stream, points[step.event].index, points[step.event].clock); break;
    }
  }
  for (auto b : x->branches) push_wait(s, b, b->enqueued, b->clock);
  return SUCCESS;
}
// How many graphs were launched so far.
EXPORT void emu_graph_launches(u64* out) {
  Guard guard;
  *out = launches;
}
EXPORT int cuGraphDestroy(void* graph) {
  Guard guard;
  Graph* g = find(graphs, graph);
  if (g == nullptr) return error(INVALID_HANDLE, "no such graph");
  graphs.erase(std::find(graphs.begin(), graphs.end(), g));
  delete g;
  return SUCCESS;
}
// One that runs goes on to its end.
EXPORT int cuGraphExecDestroy(void* executable) {
  Guard guard;
  Executable* x = find(executables, executable);
  if (x == nullptr) return error(INVALID_HANDLE, "no such executable graph");
  executables.erase(std::find(executables.begin(), executables.end(), x));
  for (auto s : x->branches) s->left = true;
  delete x;
  return SUCCESS;
}

}  // namespace emulator
