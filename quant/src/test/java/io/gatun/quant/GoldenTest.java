package io.gatun.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GoldenTest {
  private static final String PROPERTY = "gatun.golden";

  @Test
  void findsFoldersAndFiles() {
    assertFalse(Golden.folders("models", "config.json").list().isEmpty());
    assertFalse(Golden.folders("peft", "adapter_config.json").list().isEmpty());
    assertFalse(Golden.files("gguf", "*.gguf").list().isEmpty());
    assertEquals(2e-5, Golden.tolerance("logits"));
    assertThrows(AssertionError.class, () -> Golden.tolerance("no such key"));
  }

  @Test
  void nothingFoundFails() {
    assertThrows(AssertionError.class, () -> new Golden.Cases("self-test", List.of()).run(c -> {}));
  }

  @Test
  void countsAndCollects() {
    var found = Golden.files("safetensors", "{bad_j,len,ok_b}*.safetensors").list();
    var cases = new Golden.Cases("self-test", found);
    var error =
        assertThrows(
            AssertionError.class,
            () ->
                cases.run(c -> {
                  if (c.name().startsWith("bad")) throw new Golden.Refused("bad");
                  assertFalse(c.name().startsWith("len"));
                }));
    assertTrue(error.getMessage().contains("lenient_dup_key"), error.getMessage());
    assertFalse(error.getMessage().contains("bad_"), error.getMessage());
  }

  /** A second root: an equal copy runs once, a changed one and a new one run too. */
  @Test
  void secondRoot(@TempDir Path extra) throws Exception {
    var models = Golden.folders("models", "config.json");
    copy(models.list().get(0).path(), extra.resolve(models.list().get(0).relative()));
    copy(models.list().get(1).path(), extra.resolve(models.list().get(1).relative()));
    Files.writeString(extra.resolve(models.list().get(1).relative()).resolve("note"), "changed");
    copy(models.list().get(2).path(), extra.resolve("models/brand_new"));
    var before = System.getProperty(PROPERTY, "");
    System.setProperty(PROPERTY, extra.toString());
    try {
      var both = Golden.folders("models", "config.json").list();
      var added = both.stream().filter(c -> c.root().equals(extra)).map(Golden.Case::name);
      assertEquals(List.of("brand_new", models.list().get(1).name()), added.sorted().toList());
      var own = both.get(both.size() - 1);
      assertEquals(extra.resolve("models/brand_new"), own.resolve("models/brand_new"));
      assertEquals(models.list().get(3).path(), own.resolve(models.list().get(3).relative()));
      assertThrows(Golden.Refused.class, () -> own.resolve("models/nowhere"));
    } finally {
      System.setProperty(PROPERTY, before);
    }
  }

  private static void copy(Path from, Path to) throws Exception {
    try (var paths = Files.walk(from)) {
      for (var p : paths.sorted(Comparator.naturalOrder()).toList()) {
        var target = to.resolve(from.relativize(p).toString());
        Files.createDirectories(target.getParent());
        Files.copy(p, target);
      }
    }
  }
}
