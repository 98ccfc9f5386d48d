#!/bin/bash
# Regenerates src/generated/java with OpenJDK jextract from NVIDIA's CUDA 13 headers. Needs on PATH: jextract (on libclang 13, 14 or 15). Argument: the folder that holds cuda.h, cublasLt.h, nvrtc.h.
set -eu
cd "$(dirname "$0")"
headers=$(cd "${1:?usage: generate.sh HEADER_FOLDER}" && pwd)
out=$PWD/src/generated/java filters=$PWD/filters work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo "-nobuiltininc" > compile_flags.txt   # Debian's libclang would add a second set of builtin headers
generate() {   # package, header class, headers…
  local package=$1 class=$2; shift 2
  rm -rf "$out/io/gatun/bindings/$package"
  jextract --output "$out" -t "io.gatun.bindings.$package" --header-class-name "$class" --symbols-class-name "${class}Layouts" \
    -I "$headers" "@$filters/$package.includes" "${@/#/$headers/}"
  # jextract has no option to inject a lookup: replace the eager one by the lazy one, and fail if its text ever changes
  perl -0pi -e 's/SymbolLookup\.loaderLookup\(\)\s*\.or\(Linker\.nativeLinker\(\)\.defaultLookup\(\)\)/io.gatun.bindings.NativeLibrary.\U'"$package"'\E.lookup()/' "$out/io/gatun/bindings/$package/$class.java"
  grep -q 'NativeLibrary' "$out/io/gatun/bindings/$package/$class.java"
}
generate cuda     Cuda     cuda.h cudaProfiler.h
generate cublaslt CublasLt cublasLt.h
generate nvrtc    Nvrtc    nvrtc.h
