// Modules and launches. A "cubin" here is the bytes of a shared object, loaded from memory.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "emulator.h"
#include "fibers.h"

namespace emulator {

namespace {
std::vector<Module*> modules;
std::vector<Function*> functions;

// Functions stay at their addresses: the caller holds them for as long as the module.
Function* find(void* handle) {
  auto found = std::find(functions.begin(), functions.end(), (Function*)handle);
  return found == functions.end() ? nullptr : *found;
}

std::string demangle(const std::string& name) {
  int rc;
  char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &rc);
  std::string result = text != nullptr ? text : name;
  free(text);
  return result;
}

// The module's writable variables. Static shared ones are the function-local statics (_ZZ...); a section of their own would be
// neater, but the compiler drops it inside templates. Everything else writable is __constant__ or __device__.
std::vector<Symbol> variables(const u8* image, const u8* low) {
  const auto header = (const Elf64_Ehdr*)image;
  const auto sections = (const Elf64_Shdr*)(image + header->e_shoff);
  std::vector<Symbol> found;
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const auto symbols = (const Elf64_Sym*)(image + sections[i].sh_offset);
    const auto strings = (const char*)image + sections[sections[i].sh_link].sh_offset;
    for (u64 k = 0; k < sections[i].sh_size / sizeof *symbols; k++) {
      const Elf64_Sym& s = symbols[k];
      if (ELF64_ST_TYPE(s.st_info) == STT_OBJECT && s.st_size && s.st_shndx && s.st_shndx < header->e_shnum && sections[s.st_shndx].sh_flags & SHF_WRITE)
        found.push_back({strings + s.st_name, (u64)low + s.st_value, s.st_size});
    }
  }
  return found;
}

void map_shared(Module* m, const std::vector<Symbol>& found) {
  if (found.empty()) return;
  u64 low = ~0ull, high = 0;
  for (auto& v : found) low = std::min(low, v.address & ~(u64)15), high = std::max(high, v.address + v.size);
  m->shared.open((u8*)low, high - low);
  m->shared.shared = true;
  for (auto& v : found) {
    if (v.name.find("emu_pad_") != std::string::npos) continue;
    const bool shared = v.name.compare(0, 3, "_ZZ") == 0;
    memset(m->shared.shadow + (v.address - low), shared ? ADDRESSABLE : ADDRESSABLE | DEFINED, v.size);
    if (shared) m->shared_variables.push_back({demangle(v.name), v.address, v.size});
  }
}

void unload(Module* m) {
  functions.erase(std::remove_if(functions.begin(), functions.end(), [m](Function* f) { return f->module == m ? delete f, true : false; }), functions.end());
  m->shared.close();
  dlclose(m->handle);
  close(m->file);
  delete m;
}

int load(Module* m, const u8* image) {
  const auto header = (const Elf64_Ehdr*)image;
  if (memcmp(image, ELFMAG, 4)) return error(INVALID_IMAGE, "the image is no module of the emulator");
  const u64 size = header->e_shoff + (u64)header->e_shnum * header->e_shentsize;
  m->file = memfd_create("module", 0);
  if (m->file < 0 || write(m->file, image, size) != (ssize_t)size) return error(INVALID_IMAGE, "the module cannot be written");
  m->path = format("/proc/%d/fd/%d", getpid(), m->file);
  m->handle = dlopen(m->path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (m->handle == nullptr) return error(INVALID_IMAGE, dlerror());
  const auto arch = (const int*)dlsym(m->handle, "emu_arch");
  const int mine = compute_major * 10 + compute_minor;
  if (arch == nullptr || *arch / 10 != mine / 10 || *arch > mine) return error(NO_BINARY, format("the module is for sm_%d, the device is sm_%d", arch ? *arch : 0, mine));
  link_map* map;
  dlinfo(m->handle, RTLD_DI_LINKMAP, &map);
  m->low = m->high = (u8*)map->l_addr;
  for (int i = 0; i < header->e_phnum; i++) {
    const auto part = (const Elf64_Phdr*)(image + header->e_phoff) + i;
    if (part->p_type == PT_LOAD) m->high = std::max(m->high, m->low + part->p_vaddr + part->p_memsz);
  }
  map_shared(m, variables(image, m->low));
  return SUCCESS;
}

std::string types(const Function& f) {
  std::string text;
  for (auto& p : f.parameters) text += format("%s%d", text.empty() ? "" : ", ", p.first);
  return text.empty() ? "none" : text + " bytes";
}

// Copies the parameters out of a buffer laid out as a C struct of them.
int take_arguments(Launch& l, const void* buffer, u64 bytes) {
  const Function& f = *l.function;
  u64 at = 0;
  std::vector<u64> offsets;
  for (auto& p : f.parameters) {
    at = (at + p.second - 1) / p.second * p.second;
    offsets.push_back(at);
    at += p.first;
  }
  if (at != bytes) return error(INVALID_VALUE, format("kernel %s takes %zu parameters of %s, %llu bytes together; the launch brings %llu", f.name.c_str(), f.parameters.size(), types(f).c_str(), (unsigned long long)at, (unsigned long long)bytes));
  l.buffer.resize(bytes / 8 + 1);
  memcpy(l.buffer.data(), buffer, bytes);
  for (u64 o : offsets) l.arguments.push_back((u8*)l.buffer.data() + o);
  return SUCCESS;
}

int check_shape(const Launch& l) {
  const u64 threads = (u64)l.block.x * l.block.y * l.block.z, blocks = (u64)l.grid.x * l.grid.y * l.grid.z;
  if (threads == 0 || blocks == 0) return error(INVALID_VALUE, format("kernel %s: a launch of %llu blocks of %llu threads", l.function->name.c_str(), (unsigned long long)blocks, (unsigned long long)threads));
  if (threads > (u64)l.function->bound)
    return error(INVALID_VALUE, format("kernel %s: %llu threads a block, __launch_bounds__ allows %d", l.function->name.c_str(), (unsigned long long)threads, l.function->bound));
  if (l.grid.x > 0x7fffffff || l.grid.y > 65535 || l.grid.z > 65535) return error(INVALID_VALUE, format("kernel %s: the grid is too large", l.function->name.c_str()));
  if ((int)l.shared_bytes > l.function->dynamic)
    return error(INVALID_VALUE, format("kernel %s: %u bytes of dynamic shared memory, allowed are %d", l.function->name.c_str(), l.shared_bytes, l.function->dynamic));
  return SUCCESS;
}
}  // namespace

// addr2line's innermost frame that is not the shim's or the prelude's.
std::string source_line(void* pc) {
  if (running == nullptr || pc == nullptr) return "";
  const Module& m = *running->function->module;
  if ((u8*)pc < m.low || (u8*)pc >= m.high) return "";
  FILE* p = popen(format("addr2line -i -e %s 0x%llx", m.path.c_str(), (unsigned long long)((u8*)pc - m.low - 1)).c_str(), "r");
  if (p == nullptr) return "";
  std::string found;
  char line[512];
  while (fgets(line, sizeof line, p)) {
    if (found.empty() || found.find("shim.h") != std::string::npos || found.find("prelude.cuh") != std::string::npos) found = line;
  }
  pclose(p);
  found = found.substr(0, found.find_first_of(" \n"));
  return " at " + found.substr(found.rfind('/') + 1);
}

std::string live_modules() { return modules.empty() ? "" : format("%zu modules; ", modules.size()); }

void forget_modules() {
  for (auto m : modules) unload(m);
  modules.clear();
}

EXPORT int cuModuleLoadDataEx(void** out, const void* image, u32, int*, void**) {
  Guard guard;
  if (int rc = ready_at_once("cuModuleLoadDataEx")) return rc;
  auto m = new Module;
  if (int rc = load(m, (const u8*)image)) {
    if (m->handle != nullptr) dlclose(m->handle);
    if (m->file >= 0) close(m->file);
    delete m;
    return rc;
  }
  *out = modules.emplace_back(m);
  return SUCCESS;
}
EXPORT int cuModuleUnload(void* module) {
  Guard guard;
  if (int rc = ready()) return rc;
  auto found = std::find(modules.begin(), modules.end(), (Module*)module);
  if (found == modules.end()) return error(INVALID_HANDLE, "no such module");
  unload(*found);
  modules.erase(found);
  return SUCCESS;
}
EXPORT int cuModuleGetFunction(void** out, void* module, const char* name) {
  Guard guard;
  if (int rc = ready()) return rc;
  auto m = (Module*)module;
  if (std::find(modules.begin(), modules.end(), m) == modules.end()) return error(INVALID_HANDLE, "no such module");
  const auto entry = (void (*)(void**))dlsym(m->handle, format("emu_entry_%s", name).c_str());
  if (entry == nullptr) return error(NOT_FOUND, format("the module has no kernel %s", name));
  auto f = new Function{m, name, entry, *(const int*)dlsym(m->handle, format("emu_bound_%s", name).c_str()), {}};
  struct { int size, align; } list[64];
  const auto describe = (int (*)(void*))dlsym(m->handle, format("emu_parameters_%s", name).c_str());
  const int count = describe(list);
  for (int i = 0; i < count; i++) f->parameters.emplace_back(list[i].size, list[i].align);
  *out = functions.emplace_back(f);
  return SUCCESS;
}
EXPORT int cuFuncSetAttribute(void* function, int attribute, int value) {
  Guard guard;
  Function* f = find(function);
  if (f == nullptr) return error(INVALID_HANDLE, "no such kernel");
  if (attribute != 8) return error(NOT_SUPPORTED, format("function attribute %d is not emulated", attribute));
  if (value > shared_memory_limit()) return error(INVALID_VALUE, format("kernel %s: %d bytes of dynamic shared memory, the device has %d", f->name.c_str(), value, shared_memory_limit()));
  f->dynamic = value;
  return SUCCESS;
}

// Only the form with one buffer of parameters: that one has a size, so that their number and sizes can be checked.
static int launch(void* function, Vec3 grid, Vec3 block, u32 shared, void* stream, bool early, void** parameters, void** extra) {
  if (int rc = ready()) return rc;
  Function* f = find(function);
  if (f == nullptr) return error(INVALID_HANDLE, "no such kernel");
  if (parameters != nullptr || extra == nullptr) return error(NOT_SUPPORTED, "a launch takes its parameters in one buffer with a size (CU_LAUNCH_PARAM_BUFFER_POINTER)");
  const void* buffer = nullptr;
  u64 bytes = 0;
  for (; *extra != nullptr; extra += 2) {
    if ((u64)extra[0] == 1) buffer = extra[1];
    else if ((u64)extra[0] == 2) bytes = *(const u64*)extra[1];
    else return error(INVALID_VALUE, "an unknown entry among the extra arguments of a launch");
  }
  auto l = std::make_shared<Launch>(Launch{f, grid, block, shared, {}, {}, early});
  if (int rc = check_shape(*l)) return rc;
  if (int rc = take_arguments(*l, buffer, bytes)) return rc;
  Uses uses;
  for (u64 word : l->buffer) {
    if (Allocation* a = allocation_at(word)) uses.push_back(a);
  }
  return enqueue(stream, "kernel " + f->name, uses, [l] { return run(*l); });
}
EXPORT int cuLaunchKernel(void* function, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared, void* stream, void** parameters, void** extra) {
  Guard guard;
  return launch(function, {gx, gy, gz}, {bx, by, bz}, shared, stream, false, parameters, extra);
}

static u64 early_launches;
struct LaunchAttribute { int id, pad; struct { int first; u8 rest[60]; } value; };
struct LaunchConfig { Vec3 grid, block; u32 shared; void* stream; const LaunchAttribute* attributes; u32 count; };
EXPORT int cuLaunchKernelEx(const LaunchConfig* c, void* function, void** parameters, void** extra) {
  Guard guard;
  bool early = false;
  for (u32 i = 0; i < c->count; i++) {
    if (c->attributes[i].id != 6) return error(NOT_SUPPORTED, format("launch attribute %d is not emulated", c->attributes[i].id));
    early = c->attributes[i].value.first != 0;
  }
  early_launches += early;
  return launch(function, c->grid, c->block, c->shared, c->stream, early, parameters, extra);
}
EXPORT void emu_early_launches(u64* out) { *out = early_launches; }

}  // namespace emulator
