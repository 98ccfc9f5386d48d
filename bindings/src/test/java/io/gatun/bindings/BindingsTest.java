package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.bindings.cublaslt.cublasLtMatmulAlgo_t;
import io.gatun.bindings.cublaslt.cublasLtMatmulDescOpaque_t;
import io.gatun.bindings.cublaslt.cublasLtMatmulHeuristicResult_t;
import io.gatun.bindings.cublaslt.cublasLtMatmulPreferenceOpaque_t;
import io.gatun.bindings.cublaslt.cublasLtMatrixLayoutOpaque_t;
import io.gatun.bindings.cublaslt.cublasLtMatrixTransformDescOpaque_t;
import io.gatun.bindings.cuda.CUDA_GRAPH_INSTANTIATE_PARAMS_st;
import io.gatun.bindings.cuda.CUaccessPolicyWindow_st;
import io.gatun.bindings.cuda.CUgraphEdgeData_st;
import io.gatun.bindings.cuda.CUgraphExecUpdateResultInfo_st;
import io.gatun.bindings.cuda.CUlaunchAttributeValue_union;
import io.gatun.bindings.cuda.CUlaunchAttribute_st;
import io.gatun.bindings.cuda.CUlaunchConfig_st;
import io.gatun.bindings.cuda.CUlaunchMemSyncDomainMap_st;
import io.gatun.bindings.cuda.CUmemAccessDesc_st;
import io.gatun.bindings.cuda.CUmemAllocationProp_st;
import io.gatun.bindings.cuda.CUmemLocation_st;
import io.gatun.bindings.cuda.CUmemPoolProps_st;
import io.gatun.bindings.cuda.CUtensorMap_st;
import io.gatun.bindings.cuda.CUuuid_st;
import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The generated bindings against the libraries they name and the C compiler's view of structs. */
class BindingsTest {
  private static final Path ROOT = Path.of(System.getProperty("gatun.root"));

  /** The headers whose structs are bound. */
  enum Header {
    CUDA(
        "cuda.h",
        Map.ofEntries(
            Map.entry("CUDA_GRAPH_INSTANTIATE_PARAMS", CUDA_GRAPH_INSTANTIATE_PARAMS_st.layout()),
            Map.entry("CUaccessPolicyWindow", CUaccessPolicyWindow_st.layout()),
            Map.entry("CUgraphEdgeData", CUgraphEdgeData_st.layout()),
            Map.entry("CUgraphExecUpdateResultInfo", CUgraphExecUpdateResultInfo_st.layout()),
            Map.entry("CUlaunchAttribute", CUlaunchAttribute_st.layout()),
            Map.entry("CUlaunchAttributeValue", CUlaunchAttributeValue_union.layout()),
            Map.entry("CUlaunchConfig", CUlaunchConfig_st.layout()),
            Map.entry("CUlaunchMemSyncDomainMap", CUlaunchMemSyncDomainMap_st.layout()),
            Map.entry("CUmemAccessDesc", CUmemAccessDesc_st.layout()),
            Map.entry("CUmemAllocationProp", CUmemAllocationProp_st.layout()),
            Map.entry("CUmemLocation", CUmemLocation_st.layout()),
            Map.entry("CUmemPoolProps", CUmemPoolProps_st.layout()),
            Map.entry("CUtensorMap", CUtensorMap_st.layout()),
            Map.entry("CUuuid", CUuuid_st.layout()))),
    CUBLASLT(
        "cublasLt.h",
        Map.ofEntries(
            Map.entry("cublasLtMatmulAlgo_t", cublasLtMatmulAlgo_t.layout()),
            Map.entry("cublasLtMatmulDescOpaque_t", cublasLtMatmulDescOpaque_t.layout()),
            Map.entry("cublasLtMatmulHeuristicResult_t", cublasLtMatmulHeuristicResult_t.layout()),
            Map.entry(
                "cublasLtMatmulPreferenceOpaque_t", cublasLtMatmulPreferenceOpaque_t.layout()),
            Map.entry("cublasLtMatrixLayoutOpaque_t", cublasLtMatrixLayoutOpaque_t.layout()),
            Map.entry(
                "cublasLtMatrixTransformDescOpaque_t",
                cublasLtMatrixTransformDescOpaque_t.layout())));

    final String file;
    final Map<String, GroupLayout> structs;

    Header(String file, Map<String, GroupLayout> structs) {
      this.file = file;
      this.structs = new TreeMap<>(structs);
    }

    /** The list of this header's structs, kept among the test resources. */
    String list() {
      return "/" + file + ".txt";
    }
  }

  @TempDir Path folder;

  /** Every function that the filters name, in the emulator or in NVIDIA's own libraries. */
  @ParameterizedTest
  @EnumSource
  void everyBoundFunctionExists(NativeLibrary library) throws IOException {
    assumeTrue(library.available(), "nothing to look in: " + library.describe());
    var names = functions(library.name().toLowerCase(java.util.Locale.ROOT));
    var missing = names.stream().filter(n -> library.lookup().find(n).isEmpty()).toList();
    assertEquals(List.of(), missing, library.describe());
    assertTrue(names.size() > 20, "the filter names too few functions");
  }

  private static List<String> functions(String library) throws IOException {
    String prefix = "--include-function ";
    try (var lines = Files.lines(ROOT.resolve("bindings/filters/" + library + ".includes"))) {
      return lines
          .filter(l -> l.startsWith(prefix))
          .map(l -> l.substring(prefix.length()).strip())
          .toList();
    }
  }

  /** Sizes and offsets as a C compiler saw them in CUDA 13's headers on x86-64. */
  @ParameterizedTest
  @EnumSource
  void structsAreThoseOfTheHeaders(Header header) throws IOException {
    try (var in = BindingsTest.class.getResourceAsStream(header.list())) {
      assertEquals(new String(in.readAllBytes(), StandardCharsets.UTF_8), describe(header));
    }
  }

  private static String describe(Header header) {
    var lines = new StringBuilder();
    header.structs.forEach((name, layout) -> {
      lines.append("%s %d%n".formatted(name, layout.byteSize()));
      members(layout, "", 0)
          .forEach(m -> lines.append("%s.%s %d%n".formatted(name, m.path, m.offset)));
    });
    return lines.toString();
  }

  private record Member(String path, long offset) {}

  /** Named members, down through structs; padding and arrays' elements are not. */
  private static Stream<Member> members(GroupLayout group, String prefix, long start) {
    return group.memberLayouts().stream()
        .filter(m -> m.name().isPresent())
        .flatMap(m -> {
          String path = prefix + m.name().get();
          long at = start + group.byteOffset(MemoryLayout.PathElement.groupElement(m.name().get()));
          var own = Stream.of(new Member(path, at));
          return m instanceof GroupLayout inner && !inner.name().orElse("").startsWith("$anon")
              ? Stream.concat(own, members(inner, path + ".", at))
              : own;
        });
  }

  /** The list itself, made anew where there are headers. */
  @ParameterizedTest
  @EnumSource
  void theListIsThatOfTheHeadersHere(Header header) throws IOException, InterruptedException {
    var headers =
        Stream.of(System.getenv().getOrDefault("CUDA_HOME", ""), "/usr/local/cuda")
            .map(h -> Path.of(h, "include"))
            .filter(h -> Files.exists(h.resolve(header.file)))
            .findFirst();
    assumeTrue(
        headers.isPresent(),
        "no %s in CUDA_HOME or /usr/local/cuda: the list is not checked against it"
            .formatted(header.file));
    var program =
        new StringBuilder(
            "#include <cstddef>\n#include <cstdio>\n#include <%s>\nint main() {\n"
                .formatted(header.file));
    header.structs.forEach((name, layout) -> {
      program.append("printf(\"%s %%zu\\n\", sizeof(%s));%n".formatted(name, name));
      members(layout, "", 0)
          .forEach(m ->
              program.append(
                  "printf(\"%s.%s %%zu\\n\", offsetof(%s, %s));%n"
                      .formatted(name, m.path, name, m.path)));
    });
    Files.writeString(folder.resolve("layouts.cpp"), program.append("}\n"));
    String include = headers.get().toString();
    run("g++", "-w", "-I", include, "-I", include + "/cccl", "layouts.cpp", "-o", "layouts");
    assertEquals(describe(header), run("./layouts"));
  }

  private String run(String... command) throws IOException, InterruptedException {
    var process =
        new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    return output;
  }
}
