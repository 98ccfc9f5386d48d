package io.gatun.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.kernels.DeviceException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * One handle for each C function of a loaded library, made at its first call. A handle has the type
 * (CpuCall) -> int: it takes its arguments out of the call, so that an op pushes them in one line
 * and nothing is boxed. Guarded by the device's lock.
 */
final class CpuHandles {
  private static final MethodHandle LONG_WORD = getter("word", long.class);
  private static final MethodHandle INT_WORD = getter("intWord", int.class);
  private static final MethodHandle FLOAT_WORD = getter("floatWord", float.class);
  private static final MethodHandle DOUBLE_WORD = getter("doubleWord", double.class);

  private final SymbolLookup library;
  private final MemorySegment context;
  private final MethodHandle[] handles = new MethodHandle[CpuKernel.values().length];

  CpuHandles(SymbolLookup library, MemorySegment context) {
    this.library = library;
    this.context = context;
  }

  int invoke(CpuKernel kernel, CpuCall call) {
    MethodHandle handle = handles[kernel.ordinal()];
    if (handle == null) {
      handle = link(kernel);
      handles[kernel.ordinal()] = handle;
    }
    try {
      return (int) handle.invokeExact(call);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new DeviceException("%s: the native call failed".formatted(kernel.stem()), e);
    }
  }

  private MethodHandle link(CpuKernel kernel) {
    MemorySegment address =
        library
            .find(kernel.symbol())
            .orElseThrow(() ->
                new DeviceException(
                    "the native library has no function %s; rebuild it with mvn -pl native generate-resources"
                        .formatted(kernel.symbol())));
    String parameters = kernel.parameters();
    var layouts = new MemoryLayout[parameters.length() + 1];
    var getters = new MethodHandle[parameters.length()];
    layouts[0] = JAVA_LONG;
    for (int i = 0; i < parameters.length(); i++) {
      char kind = parameters.charAt(i);
      layouts[i + 1] = layout(kind);
      getters[i] = MethodHandles.insertArguments(word(kind), 1, i);
    }
    MethodHandle c =
        Linker.nativeLinker().downcallHandle(address, FunctionDescriptor.of(JAVA_INT, layouts));
    MethodHandle bound = MethodHandles.insertArguments(c, 0, context.address());
    MethodHandle filtered = MethodHandles.filterArguments(bound, 0, getters);
    var type = MethodType.methodType(int.class, CpuCall.class);
    return MethodHandles.permuteArguments(filtered, type, new int[parameters.length()]);
  }

  private static MemoryLayout layout(char kind) {
    return switch (kind) {
      case 'i' -> JAVA_INT;
      case 'f' -> JAVA_FLOAT;
      case 'd' -> JAVA_DOUBLE;
      default -> JAVA_LONG;
    };
  }

  private static MethodHandle word(char kind) {
    return switch (kind) {
      case 'i' -> INT_WORD;
      case 'f' -> FLOAT_WORD;
      case 'd' -> DOUBLE_WORD;
      default -> LONG_WORD;
    };
  }

  private static MethodHandle getter(String name, Class<?> type) {
    try {
      return MethodHandles.lookup()
          .findVirtual(CpuCall.class, name, MethodType.methodType(type, int.class));
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }
}
