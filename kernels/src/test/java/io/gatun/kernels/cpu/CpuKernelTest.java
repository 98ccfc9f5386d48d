package io.gatun.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class CpuKernelTest {
  @Test
  void bindingsEqualTheHeader() throws IOException {
    String header =
        Files.readString(
            Path.of(System.getProperty("gatun.root"), "native/include/gatun_kernels.h"));
    String kernels =
        header.substring(header.indexOf("// ---- Kernels ----")).replaceAll("//[^\n]*", "");
    var declared = new TreeMap<String, String>();
    var function = Pattern.compile("int32_t (gatun_\\w+)\\(([^)]*)\\);").matcher(kernels);
    while (function.find()) {
      declared.put(function.group(1), letters(function.group(2)));
    }
    var bound = new TreeMap<String, String>();
    for (CpuKernel kernel : CpuKernel.values()) {
      bound.put(kernel.symbol(), "c" + kernel.parameters());
    }
    assertEquals(declared, bound);
  }

  private static String letters(String parameters) {
    var types =
        Map.of(
            "const gatun_context*",
            "c",
            "const gatun_matrix*",
            "m",
            "int32_t",
            "i",
            "int64_t",
            "l",
            "float",
            "f",
            "double",
            "d",
            "double*",
            "r");
    var letters = new StringBuilder();
    for (String parameter : parameters.split(",")) {
      String type = parameter.strip().replaceAll("\\s*\\w+$", "");
      letters.append(types.getOrDefault(type, type.startsWith("const gatun_") ? "s" : "?" + type));
    }
    return letters.toString();
  }
}
