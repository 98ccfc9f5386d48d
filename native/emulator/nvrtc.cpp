// The run-time compiler: the system's C++ compiler on the program with the shim in front.
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emulator.h"

namespace emulator {

namespace {
enum { NVRTC_SUCCESS = 0, PROGRAM_CREATION_FAILURE = 2, INVALID_INPUT = 3, INVALID_PROGRAM = 4, INVALID_OPTION = 5, COMPILATION = 6 };

struct Program { std::string source, name, log, binary; };

std::string slurp(const std::string& path) {
  std::string text;
  FILE* f = fopen(path.c_str(), "rb");
  if (f == nullptr) return text;
  char part[65536];
  for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) text.append(part, n);
  fclose(f);
  return text;
}

std::string without_comments(const std::string& s) {
  std::string out;
  for (size_t i = 0; i < s.size(); i++) {
    if (s.compare(i, 2, "//") == 0) {
      i = s.find('\n', i);
      if (i == std::string::npos) break;
    }
    out += s[i];
  }
  return out;
}

// A line EMU_KERNEL(name, bound) for each  __global__ void [__launch_bounds__(n)] name(
std::string registrations(const std::string& source) {
  const std::string s = without_comments(source);
  std::string out;
  for (size_t at = 0; (at = s.find("__global__", at)) != std::string::npos;) {
    size_t open = s.find('(', at);
    int bound = kMaxThreads;
    const size_t bounds = s.find("__launch_bounds__", at);
    if (bounds < open) {
      bound = atoi(s.c_str() + open + 1);
      open = s.find('(', s.find(')', open));
    }
    if (open == std::string::npos) break;
    const size_t end = s.find_last_not_of(" \n\t", open - 1) + 1, start = s.find_last_of(" \n\t*", end - 1) + 1;
    out += format("EMU_KERNEL(%s, %d)\n", s.substr(start, end - start).c_str(), bound);
    at = open;
  }
  return out;
}

std::string quoted(const std::string& s) {
  std::string out = "'";
  for (char c : s) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The compiler's options for those of a caller, or an empty text and the bad option in the log.
bool translate(Program* p, int count, const char** options, std::string* flags, int* arch) {
  for (int i = 0; i < count; i++) {
    const std::string o = options[i];
    const std::string arch_option = "--gpu-architecture=sm_";
    if (o.compare(0, arch_option.size(), arch_option) == 0) *arch = atoi(o.c_str() + arch_option.size());
    else if (o.compare(0, 2, "-D") == 0) *flags += " " + quoted(o);
    else if (o == "--std=c++17" || o == "--fmad=false" || o == "--generate-line-info" || o == "--device-as-default-execution-space") continue;
    else return p->log = "unrecognized option " + o, false;
  }
  if (*arch == 0) p->log = "the emulator needs --gpu-architecture=sm_NN";
  return *arch != 0;
}

std::string library_path() {
  Dl_info info;
  dladdr((void*)slurp, &info);
  char* real = realpath(info.dli_fname, nullptr);
  const std::string path = real;
  free(real);
  return path;
}
std::string home() {
  const std::string library = library_path();
  return library.substr(0, library.rfind('/') + 1);
}

int compile(Program* p, const std::string& flags, int arch) {
  const char* temporary = getenv("TMPDIR");
  std::string d = std::string(temporary == nullptr ? P_tmpdir : temporary) + "/gatun-emulator-XXXXXX";  // mkdtemp's pattern
  if (mkdtemp(&d[0]) == nullptr) return PROGRAM_CREATION_FAILURE;
  FILE* f = fopen((d + "/k.cpp").c_str(), "w");
  if (f == nullptr) return PROGRAM_CREATION_FAILURE;
  fprintf(f, "#line 1 \"%s\"\n%s\n%s\n#pragma GCC visibility push(default)\nextern \"C\" { extern const int emu_arch = %d; }\n", p->name.c_str(), p->source.c_str(), registrations(p->source).c_str(), arch);
  fclose(f);
  // Splitting a vector load into four would lose its width. Linked apart, or the compiler would add its own runtime.
  const std::string command = "(" GATUN_CXX " -std=c++17 -O1 -g1 -gdwarf-4 -fPIC -fvisibility=hidden -fno-gnu-unique -ffp-contract=off -fno-exceptions -fno-rtti"
      " -fno-tree-sra -Werror=frame-larger-than=65536 -fsanitize=thread --param tsan-instrument-func-entry-exit=0"
      " -fsanitize=bounds,shift,integer-divide-by-zero,signed-integer-overflow -fsanitize-coverage=trace-pc"
      + flags + " -include " + quoted(home() + "shim.h") + " -c " + quoted(d + "/k.cpp") + " -o " + quoted(d + "/k.o")
      + " && " GATUN_CXX " -shared -o " + quoted(d + "/k.so") + " " + quoted(d + "/k.o") + " " + quoted(library_path())
      + ") >" + quoted(d + "/log") + " 2>&1";
  const int rc = system(command.c_str());
  p->log = slurp(d + "/log");
  if (rc == 0) p->binary = slurp(d + "/k.so");
  for (const char* name : {"/k.cpp", "/k.o", "/k.so", "/log", ""}) remove((d + name).c_str());
  return rc == 0 ? NVRTC_SUCCESS : COMPILATION;
}
}  // namespace

// Whoever keeps what it compiled must compile again when the emulator has changed: the minor version is one of its file and shim.
EXPORT int nvrtcVersion(int* major, int* minor) {
  u64 mix = 0;
  for (const std::string& file : {library_path(), home() + "shim.h"}) {
    struct stat s = {};
    stat(file.c_str(), &s);
    mix = mix * 1000003 + s.st_size + s.st_mtim.tv_sec * 31 + s.st_mtim.tv_nsec;
  }
  return *major = 13, *minor = (int)(mix % 1000000007), NVRTC_SUCCESS;
}
EXPORT const char* nvrtcGetErrorString(int code) {
  static const char* const names[] = {"NVRTC_SUCCESS", "NVRTC_ERROR_OUT_OF_MEMORY", "NVRTC_ERROR_PROGRAM_CREATION_FAILURE", "NVRTC_ERROR_INVALID_INPUT", "NVRTC_ERROR_INVALID_PROGRAM", "NVRTC_ERROR_INVALID_OPTION", "NVRTC_ERROR_COMPILATION"};
  return code >= 0 && code <= COMPILATION ? names[code] : "NVRTC_ERROR unknown";
}
EXPORT int nvrtcCreateProgram(void** out, const char* source, const char* name, int headers, const char**, const char**) {
  if (headers != 0 || source == nullptr) return INVALID_INPUT;
  *out = new Program{source, name == nullptr ? "default_program" : name, "", ""};
  return NVRTC_SUCCESS;
}
EXPORT int nvrtcDestroyProgram(void** program) {
  if (*program == nullptr) return INVALID_PROGRAM;
  delete (Program*)*program;
  *program = nullptr;
  return NVRTC_SUCCESS;
}
EXPORT int nvrtcCompileProgram(void* program, int count, const char** options) {
  auto p = (Program*)program;
  std::string flags;
  int arch = 0;
  if (!translate(p, count, options, &flags, &arch)) return INVALID_OPTION;
  return compile(p, flags, arch);
}
EXPORT int nvrtcGetCUBINSize(void* program, size_t* out) {
  *out = ((Program*)program)->binary.size();
  return *out ? NVRTC_SUCCESS : INVALID_PROGRAM;
}
EXPORT int nvrtcGetCUBIN(void* program, char* out) {
  auto p = (Program*)program;
  memcpy(out, p->binary.data(), p->binary.size());
  return NVRTC_SUCCESS;
}
EXPORT int nvrtcGetProgramLogSize(void* program, size_t* out) { return *out = ((Program*)program)->log.size() + 1, NVRTC_SUCCESS; }
EXPORT int nvrtcGetProgramLog(void* program, char* out) {
  auto p = (Program*)program;
  memcpy(out, p->log.c_str(), p->log.size() + 1);
  return NVRTC_SUCCESS;
}

}  // namespace emulator
