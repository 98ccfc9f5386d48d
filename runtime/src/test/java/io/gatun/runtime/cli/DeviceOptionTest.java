package io.gatun.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.cuda.CudaTests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.ObjectMapper;

/** {@code --device} of every command that computes. */
class DeviceOptionTest {
  private static final String GPU = "device: gpu 0 (";

  @TempDir static Path temp;

  private static Path model;
  private static Path rows;
  private static Path adapter;

  @TempDir Path folder;

  @BeforeAll
  static void trainOnce() throws IOException {
    model = TinyModel.write(temp.resolve("model"));
    rows =
        Files.writeString(
            temp.resolve("rows.jsonl"), "{\"prompt\": \"a\", \"completion\": \" b\"}\n");
    adapter = temp.resolve("adapter");
    Invocation.run("train", "-m", model, "--data", rows, "--iters", 1, "-o", adapter).succeeds();
  }

  /** A command, and all that it needs to begin. */
  private List<Object> command(String name) {
    var words = new ArrayList<Object>(List.of(name));
    words.addAll(
        switch (name) {
          case "train" -> List.of("-m", model, "--data", rows, "--iters", 1, "-o", out());
          case "generate" -> List.of("-m", model, "-p", "x", "--max-tokens", 2);
          case "eval" -> List.of("-m", model, "--adapter-path", adapter, "--data", rows);
          case "merge" -> List.of("-m", model, "--adapter-path", adapter, "-o", out());
          case "quantize" -> List.of("-m", model, "-o", out());
          case "verify" -> List.of(model, adapter, "--prompt", "x");
          case "predict" -> List.of("-m", model, "x");
          case "chat" -> List.of("-m", model);
          case "quickstart" -> List.of("-m", model, "--data", folder, "-o", out());
          default -> throw new IllegalArgumentException(name);
        });
    return words;
  }

  private Path out() {
    return folder.resolve("out");
  }

  private Invocation run(String name, Object... flags) {
    var words = command(name);
    words.addAll(Arrays.asList(flags));
    return Invocation.run(words.toArray());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "train",
        "generate",
        "eval",
        "merge",
        "quantize",
        "verify",
        "predict",
        "chat",
        "quickstart"
      })
  void everyCommandThatComputesTakesIt(String name) {
    run(name, "--device", "gpu").fails(2, "--device is 'gpu'; it must be cpu, cuda or cuda:N");
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "generate", "eval", "merge", "quantize", "verify"})
  void whereItComputesIsSaidFirst(String name) {
    var said = run(name, "--threads", 1).succeeds().err();
    assertTrue(said.matches("(?s)device: cpu \\w+, 1 threads\\R.*"), said);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cuda:", "cuda:one", "cuda:-1", "cuda:1 ", "CUDA", ""})
  void whatIsNoDeviceIsRefused(String device) {
    run("generate", "--device", device)
        .fails(2, "--device is '" + device + "'; it must be cpu, cuda or cuda:N");
  }

  @Test
  void threadsAreOfTheCpu() {
    run("generate", "--device", "cuda", "--threads", 1).fails(2, "--threads is for --device cpu");
  }

  @Test
  void aGpuThatIsNotThereIsRefused() {
    CudaTests.requireEmulator();
    run("generate", "--device", "cuda:7").fails(1, "there is no GPU 7; this machine has 1, from 0");
  }

  @Test
  void quickstartPassesItOn() throws IOException {
    Files.writeString(folder.resolve("debian-sections-train.jsonl"), "{}\n");
    var quickstart = run("quickstart", "--threads", 1);
    assertEquals(1, quickstart.code());
    assertTrue(quickstart.out().stripTrailing().endsWith(" --threads 1"), quickstart.out());
  }

  @Test
  void aGpuWritesTheSameFourBits() throws IOException {
    CudaTests.require();
    run("quantize").succeeds();
    byte[] cpu = Files.readAllBytes(out().resolve("model.safetensors"));
    OutputFolder.delete(out());
    var said = run("quantize", "--device", "cuda").succeeds().err();
    assertTrue(said.startsWith(GPU), said);
    assertArrayEquals(cpu, Files.readAllBytes(out().resolve("model.safetensors")));
  }

  @Test
  void aGpuMerges() {
    CudaTests.require();
    var said = run("merge", "--device", "cuda:0").succeeds().err();
    assertTrue(said.startsWith(GPU), said);
    Invocation.run("generate", "-m", out(), "-p", "x", "--max-tokens", 2).succeeds();
  }

  /** The adapter that the GPU trains is one that the CPU can use, and answers as it does. */
  @Test
  void aGpuTrainsAndGenerates() {
    CudaTests.require();
    var trained = run("train", "--device", "cuda", "--dtype", "f32").succeeds();
    assertTrue(trained.err().startsWith(GPU), trained.err());
    assertTrue(trained.out().contains("1 steps in "), trained.out());
    var answers = new ArrayList<String>();
    for (String device : List.of("cuda", "cpu")) {
      var answer = run("generate", "--adapter-path", out(), "--dtype", "f32", "--device", device);
      answers.add(answer.succeeds().out());
    }
    assertEquals(answers.getLast(), answers.getFirst());
  }

  @ParameterizedTest
  @ValueSource(strings = {"eval", "verify"})
  void aGpuMeasures(String name) {
    CudaTests.require();
    var said = run(name, "--device", "cuda").succeeds().err();
    assertTrue(said.startsWith(GPU), said);
  }

  @Test
  void aGpuTrainsAClassifierAndPredicts() throws IOException {
    CudaTests.require();
    Path bert = TinyModel.writeClassifier("tiny_bert_cls", folder.resolve("bert"));
    String row = "{\"text\": \"%s\", \"label\": \"LABEL_%d\"}\n";
    Path texts =
        Files.writeString(
            folder.resolve("texts.jsonl"), row.formatted("xxx", 0) + row.formatted("y", 1));
    computes(
        "train",
        "cuda",
        "--task",
        "classification",
        "--iters",
        2,
        "-m",
        bert,
        "-d",
        texts,
        "-o",
        out());
    Object[] predict = {"-m", bert, "--adapter-path", out(), "xx", "yy"};
    var there = labels(computes("predict", "cuda", predict));
    assertEquals(2, there.size());
    assertEquals(labels(computes("predict", "cpu", predict)), there);
  }

  /** Runs a command of its own words in F32. */
  private static Invocation computes(String name, String device, Object... words) {
    var all = new ArrayList<Object>(List.of(name, "--dtype", "f32", "--device", device));
    all.addAll(Arrays.asList(words));
    return Invocation.run(all.toArray()).succeeds();
  }

  private static List<String> labels(Invocation predicted) {
    return predicted.out().lines().map(DeviceOptionTest::label).toList();
  }

  private static String label(String line) {
    return new ObjectMapper().readTree(line).path("label").asString();
  }
}
