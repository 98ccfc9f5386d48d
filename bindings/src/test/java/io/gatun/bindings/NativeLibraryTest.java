package io.gatun.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NativeLibraryTest {
  private static final Path SOME_LIBRARY = Path.of(System.getProperty("java.home"), "lib");

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void saysWhereItIsOrWhatToInstall(NativeLibrary library) {
    var text = library.describe();
    if (library.available()) {
      assertTrue(text.contains("so."), text);
    } else {
      var error = assertThrows(Error.class, () -> library.lookup().find("cuInit"));
      assertEquals(text, error.getMessage());
    }
  }

  @ParameterizedTest
  @EnumSource
  void anAbsentLibrarySaysWhatWasTriedAndWhatToInstall(NativeLibrary library) {
    var absent =
        new NativeLibrary.Opened(Optional.empty(), "tried libnothing.so.1, looked in " + folder);
    var text = library.describe(absent);
    assertTrue(text.contains("was not found (tried libnothing.so.1, looked in " + folder), text);
    assertTrue(text.contains("Install"), text);
    assertTrue(text.contains("-Dgatun.cuda.path"), text);
  }

  @Test
  void opensFromTheFirstFolderThatHasIt() throws IOException {
    var file = folder.resolve("libnvrtc.so.12");
    Files.copy(anyLibrary(), file);
    var opened = NativeLibrary.NVRTC.open(List.of(folder.resolve("absent"), folder));
    assertEquals(file.toString(), opened.from());
    assertTrue(opened.symbols().orElseThrow().find("JNI_OnLoad").isPresent());
  }

  /** A library of the running JDK that needs nothing which is not loaded already. */
  private static Path anyLibrary() throws IOException {
    try (var files = Files.list(SOME_LIBRARY)) {
      return files
          .filter(f -> f.getFileName().toString().startsWith("libnet."))
          .findFirst()
          .orElseThrow();
    }
  }
}
