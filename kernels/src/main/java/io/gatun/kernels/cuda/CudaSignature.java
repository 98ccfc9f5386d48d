package io.gatun.kernels.cuda;

import io.gatun.kernels.DeviceException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What the source says about a kernel: {@code extern "C" __global__ void __launch_bounds__(256)
 * name(Matrix x, float eps, ...)}. A launch runs as many threads a block as its bounds allow.
 *
 * @param kernel name
 * @param threads of a block
 * @param parameters in order
 */
record CudaSignature(String kernel, int threads, List<Parameter> parameters) {
  CudaSignature {
    parameters = List.copyOf(parameters);
  }

  /** Bytes of all arguments. */
  int bytes() {
    return parameters.isEmpty() ? 0 : parameters.getLast().end();
  }

  private static final Pattern COMMENT = Pattern.compile("//[^\n]*");
  private static final Pattern PARAMETER =
      Pattern.compile("(?:const )?(\\w+)\\s*(\\*)?\\s*(?:__restrict__ )?(\\w+)");

  /** Types of parameters, with the sizes and alignments that host and device agree on. */
  enum Type {
    /** struct Matrix of the prelude. */
    MATRIX(40, 8),
    /** struct Nf4Band of nf4.cuh. */
    NF4_BAND(64, 8),
    /** struct Nf4Bands of nf4_mat_vec.cuh. */
    NF4_BANDS(296, 8),
    /** struct Lora of lora.cuh. */
    LORA(CudaAdapters.BYTES, 8),
    /** An address on the device. */
    POINTER(8, 8),
    /** 64 bits. */
    LONG(8, 8),
    /** 32 bits. */
    INT(4, 4),
    /** 32 bits. */
    FLOAT(4, 4);

    private final int bytes;
    private final int alignment;

    Type(int bytes, int alignment) {
      this.bytes = bytes;
      this.alignment = alignment;
    }

    int bytes() {
      return bytes;
    }

    int align(int offset) {
      return offset + alignment - 1 & -alignment;
    }
  }

  /**
   * A parameter.
   *
   * @param type its type
   * @param name its name; interned, as are literals in Java
   * @param at byte at which the driver takes it, as in a struct of all of them
   */
  record Parameter(Type type, String name, int at) {
    int end() {
      return at + type.bytes();
    }
  }

  /**
   * Reads a kernel's declaration.
   *
   * @param source text of the file
   * @param kernel name of a kernel in it
   * @return its signature
   */
  static CudaSignature read(String source, String kernel) {
    var declaration =
        Pattern.compile(
                "extern \"C\" __global__ void __launch_bounds__\\((\\d+)\\)\\s+%s\\(([^)]*)\\)"
                    .formatted(kernel))
            .matcher(COMMENT.matcher(source).replaceAll(""));
    if (!declaration.find()) {
      throw new DeviceException(
          "no kernel %s with __launch_bounds__ in its source; this build is broken"
              .formatted(kernel));
    }
    var parameters = new ArrayList<Parameter>();
    int end = 0;
    for (String text : declaration.group(2).split(",")) {
      parameters.add(parameter(kernel, text.strip(), end));
      end = parameters.getLast().end();
    }
    return new CudaSignature(kernel, Integer.parseInt(declaration.group(1)), parameters);
  }

  private static Parameter parameter(String kernel, String text, int from) {
    var parts = PARAMETER.matcher(text);
    if (!parts.matches()) {
      throw new DeviceException("%s: parameter \"%s\" cannot be read".formatted(kernel, text));
    }
    boolean pointer = parts.group(2) != null;
    var type =
        switch (parts.group(1)) {
          case String _ when pointer -> Type.POINTER;
          case "Matrix" -> Type.MATRIX;
          case "Nf4Band" -> Type.NF4_BAND;
          case "Nf4Bands" -> Type.NF4_BANDS;
          case "Lora" -> Type.LORA;
          case "i64" -> Type.LONG;
          case "int" -> Type.INT;
          case "float" -> Type.FLOAT;
          default ->
              throw new DeviceException(
                  "%s: parameter \"%s\" is of no type that a launch can pass"
                      .formatted(kernel, text));
        };
    return new Parameter(type, parts.group(3).intern(), type.align(from));
  }

  /** For messages: "add(MATRIX x, MATRIX ySum)". */
  @Override
  public String toString() {
    var text = new StringBuilder(kernel).append('(');
    for (Parameter p : parameters) {
      text.append(text.charAt(text.length() - 1) == '(' ? "" : ", ")
          .append(p.type())
          .append(' ')
          .append(p.name());
    }
    return text.append(')').toString();
  }
}
