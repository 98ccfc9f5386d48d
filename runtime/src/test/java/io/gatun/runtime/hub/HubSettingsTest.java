package io.gatun.runtime.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The variables of the environment, and references. */
class HubSettingsTest {
  private static final Path HOME = Path.of(System.getProperty("user.home"));

  @TempDir Path folder;

  private HubSettings of(String... variables) {
    var environment = new HashMap<String, String>(Map.of("HF_TOKEN_PATH", folder + "/none"));
    for (int i = 0; i < variables.length; i += 2) {
      environment.put(variables[i], variables[i + 1]);
    }
    return HubSettings.of(environment);
  }

  @Test
  void whereTheCacheIs() {
    assertEquals(HOME.resolve(".cache/huggingface/hub"), of().cache());
    assertEquals(Path.of("/x/huggingface/hub"), of("XDG_CACHE_HOME", "/x").cache());
    assertEquals(Path.of("/h/hub"), of("XDG_CACHE_HOME", "/x", "HF_HOME", "/h").cache());
    assertEquals(HOME.resolve("h/hub"), of("HF_HOME", "~/h").cache());
    assertEquals(Path.of("/c"), of("HF_HOME", "/h", "HUGGINGFACE_HUB_CACHE", "/c").cache());
    assertEquals(Path.of("/d"), of("HUGGINGFACE_HUB_CACHE", "/c", "HF_HUB_CACHE", "/d").cache());
    assertEquals(HOME.resolve(".cache/huggingface/hub"), of("HF_HOME", "").cache());
  }

  @Test
  void endpointAndOffline() {
    assertEquals("https://huggingface.co", of().endpoint().toString());
    assertEquals("http://a:1/hf", of("HF_ENDPOINT", "http://a:1/hf/").endpoint().toString());
    for (var wrong : List.of("ftp://a", "a b", "huggingface.co")) {
      var e = assertThrows(HubException.class, () -> of("HF_ENDPOINT", wrong));
      assertTrue(e.getMessage().startsWith("HF_ENDPOINT is \"" + wrong), e.getMessage());
    }
    assertTrue(of("HF_HUB_OFFLINE", "True").offline());
    assertTrue(of("TRANSFORMERS_OFFLINE", "1").offline());
    assertEquals(false, of("HF_HUB_OFFLINE", "0").offline());
  }

  @Test
  void tokens() throws Exception {
    var file = Files.writeString(folder.resolve("token"), "hf_file\n");
    assertEquals(Optional.empty(), of().token());
    assertEquals(Optional.of("hf_file"), of("HF_TOKEN_PATH", file.toString()).token());
    assertEquals(
        Optional.of("hf_file"), HubSettings.of(Map.of("HF_HOME", folder.toString())).token());
    assertEquals(Optional.of("hf_old"), of("HUGGING_FACE_HUB_TOKEN", "hf_old").token());
    assertEquals(
        Optional.of("hf_new"),
        of("HUGGING_FACE_HUB_TOKEN", "hf_old", "HF_TOKEN", "hf_new ").token());
    var e = assertThrows(HubException.class, () -> of("HF_TOKEN", "hf_a\nX-Other: b"));
    assertTrue(!e.getMessage().contains("hf_a"), e.getMessage());
  }

  @Test
  void references() {
    assertEquals(
        Optional.of(new HubReference("org/name", "main", Optional.empty())),
        HubReference.of("org/name"));
    assertEquals(
        Optional.of(new HubReference("a-b/c.d_e", "refs/pr/1", Optional.of("x/y.gguf"))),
        HubReference.of("a-b/c.d_e@refs/pr/1:x/y.gguf"));
    for (var path :
        List.of(
            "name",
            "a/b/c",
            "/a/b",
            "./a",
            "../a",
            "~/a",
            "a/b.gguf",
            "a--b/c",
            "a/b..c",
            "a/",
            "a b/c")) {
      assertEquals(Optional.empty(), HubReference.of(path), path);
    }
    for (var outside : List.of("a/b:../x", "a/b@../../x", "a/b:/etc/x", "a/b@x//y")) {
      assertThrows(HubException.class, () -> HubReference.of(outside), outside);
    }
    for (var text : List.of("org/name", "org/name@v1", "org/name:f.gguf", "org/name@v1:f.gguf")) {
      assertEquals(text, HubReference.of(text).orElseThrow().toString());
    }
  }
}
