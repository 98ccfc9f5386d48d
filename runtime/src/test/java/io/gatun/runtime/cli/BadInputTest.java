package io.gatun.runtime.cli;

import static io.gatun.runtime.cli.Invocation.run;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.quant.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is wrong with the files and flags of a run, from the model to the adapter: one sentence. */
class BadInputTest {
  @TempDir static Path temp;

  private static Path model;
  private static Path rows;
  private static Path adapter;

  @TempDir Path folder;

  private Path out;

  @BeforeAll
  static void trainOnce() throws IOException {
    model = TinyModel.write(temp.resolve("model"));
    rows =
        Files.writeString(
            temp.resolve("rows.jsonl"), "{\"prompt\": \"a\", \"completion\": \" b\"}\n");
    adapter = temp.resolve("adapter");
    run("train", "--model", model, "--data", rows, "--iters", 1, "-o", adapter).succeeds();
  }

  @BeforeEach
  void chooseOutput() {
    out = folder.resolve("out");
  }

  private Path file(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private Path file(String name, byte[] content) throws IOException {
    return Files.write(folder.resolve(name), content);
  }

  /** The sentence of a training that does not begin, and leaves nothing. */
  private void training(int code, String sentence, Object... flags) {
    var command = new Object[flags.length + 3];
    command[0] = "train";
    command[1] = "-o";
    command[2] = out;
    System.arraycopy(flags, 0, command, 3, flags.length);
    run(command).fails(code, sentence);
    assertFalse(Files.exists(out.resolve("adapter_config.json")));
  }

  @Test
  void malformedSafetensors() throws IOException {
    Path broken = TinyModel.write(folder.resolve("broken"));
    Path weights = broken.resolve("model.safetensors");
    byte[] whole = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(whole, whole.length - 1));
    training(1, "the tensors end at byte", "--model", broken, "--data", rows);
    Files.write(weights, new byte[] {1, 2, 3});
    String sentence = weights + ": a safetensors file has at least 8 bytes, this one has 3";
    training(1, sentence, "--model", broken, "--data", rows);
    run("generate", "--model", broken, "-p", "x").fails(1, sentence);
  }

  @Test
  void otherFilesThanModels() throws IOException {
    Path table = file("rows.csv", "text,label\nfine,1\n");
    training(
        1, table + ": is a table in text (CSV), not a model", "--model", table, "--data", rows);
    training(1, rows + ": is a JSONL file, perhaps of", "--model", rows, "--data", rows);
    Path config = model.resolve("config.json");
    run("generate", "--model", config, "-p", "x")
        .fails(1, config + ": describes a model and holds no weights; give the folder");
  }

  @Test
  void truncatedGguf() throws IOException {
    byte[] whole = Files.readAllBytes(Golden.file("gguf/tiny_llama_f16.gguf"));
    for (int length : new int[] {3, 20, 1000, whole.length / 2, whole.length - 1}) {
      Path cut = file("cut" + length + ".gguf", Arrays.copyOf(whole, length));
      run("inspect", cut).fails(1, cut + ": ");
      training(1, cut + ": ", "--model", cut, "--data", rows);
    }
  }

  @Test
  void tokenizerOfAnotherModel() throws IOException {
    Path stranger = TinyModel.write(folder.resolve("stranger"));
    Files.copy(
        Golden.file("tokenizers/bbpe_gpt2/tokenizer.json"),
        stranger.resolve("tokenizer.json"),
        StandardCopyOption.REPLACE_EXISTING);
    String sentence =
        stranger
            + ": the tokenizer has 403 tokens, but the model's vocabulary is 128; put the"
            + " tokenizer files of this model there";
    training(1, sentence, "--model", stranger, "--data", rows);
    run("generate", "--model", stranger, "-p", "x").fails(1, sentence);
  }

  @Test
  void adapterOfAnotherModel() throws IOException {
    Path other = TinyModel.write("tiny_qwen3", folder.resolve("other"));
    run("generate", "--model", other, "--adapter-path", adapter, "-p", "x")
        .fails(1, "adapter_model.safetensors: ", "this base and rank need");
  }

  @Test
  void noRows() throws IOException {
    Path empty = file("empty.jsonl", "\n \n");
    String sentence = empty + " holds no row; write one JSON object a line";
    training(1, sentence, "--model", model, "--data", empty);
    run("eval", "--model", model, "--data", empty).fails(1, sentence);
  }

  @Test
  void nothingToLearn() throws IOException {
    Path masked =
        file("masked.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}\n");
    training(
        1,
        masked + ", line 1: no message of the assistant has a token",
        "--model",
        model,
        "--data",
        masked);
    run("eval", "--model", model, "--data", masked)
        .fails(1, masked + ", line 1: the answer must be a message of the role assistant");
  }

  @Test
  void promptLongerThanTheContext() throws IOException {
    String prompt = "x".repeat(300);
    Path rowTooLong =
        file("long.jsonl", "{\"prompt\": \"" + prompt + "\", \"completion\": \" y\"}\n");
    training(
        1,
        rowTooLong + ", row 1 has 303 tokens, the context of the model is 256; cut rows",
        "--model",
        model,
        "--data",
        rowTooLong);
    training(
        1,
        "all 1 rows are longer than 256 tokens and what is learned lies beyond",
        "--model",
        model,
        "--data",
        rowTooLong,
        "--max-seq-length",
        256);
    training(
        1,
        rowTooLong + ", line 1: the prompt has 300 tokens and the context of the model is 256",
        "--model",
        model,
        "--data",
        rows,
        "--valid",
        rowTooLong,
        "--eval-exact-match");
    run("eval", "--model", model, "--data", rowTooLong)
        .fails(1, "line 1: the prompt has 300 tokens", "leaves no room for an answer");
    run("generate", "--model", model, "--raw", "-p", prompt)
        .fails(1, "prompt 1 has 300 tokens, and the model's context is 256; shorten the prompt");
  }

  @Test
  void fullDisk() throws IOException {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "only Linux has a device that is always full");
    Path link = Files.createSymbolicLink(Files.createDirectory(out).resolve("metrics.jsonl"), full);
    training(
        1,
        "metrics.jsonl cannot be written in " + out + ": No space left on device",
        "--model",
        model,
        "--data",
        rows);
    Files.delete(link);
  }

  @Test
  void unknownFlag() {
    run("train", "--model", model, "--data", rows, "--epocs", 3)
        .fails(2, "unknown option '--epocs'; did you mean '--epochs'?");
    run("generate", "--model", model, "--promt", "x")
        .fails(2, "unknown option '--promt'; did you mean '--prompt'?");
    run("generate", "--model", model, "--prompt", "--promt", "x").fails(2, "argument 'x'");
    run("trian").fails(2, "unknown command 'trian'; did you mean 'train'?");
    run("train", "--model", model).fails(2, "Missing required option: '--dataset=FILE'");
  }

  @Test
  void unknownKey() throws IOException {
    Path config = file("config.yaml", "max_tokns: 2\n");
    run("generate", "--config", config)
        .fails(2, config + ": unknown key 'max_tokns'; did you mean 'max-tokens'?");
    Path text = file("text.yaml", "model: [\n");
    run("generate", "--config", text).fails(2, text + " is not YAML at line ");
    run("generate", "--config", folder.resolve("none.yaml")).fails(2, "there is no file");
  }

  @Test
  void folderWhereAFileIsExpected() {
    training(2, "--config: " + folder + " is a folder", "--config", folder);
    training(2, "the folder " + folder + " has no train.jsonl", "--model", model, "--data", folder);
    training(1, folder + " is a folder", "--model", model, "--data", rows, "--valid", folder);
    training(1, folder + ": has neither model.safetensors", "--model", folder, "--data", rows);
    training(1, adapter + ": is a LoRA adapter, not a model", "--model", adapter, "--data", rows);
  }

  @Test
  void fileWhereAFolderIsExpected() throws IOException {
    Path file = file("taken", "");
    run("train", "--model", model, "--data", rows, "-o", file)
        .fails(1, "taken is a file, not a folder");
    run("merge", "--model", model, "--adapter-path", adapter, "-o", file)
        .fails(2, file + " is a file; choose a folder");
    run("generate", "--model", model, "--adapter-path", file, "-p", "x")
        .fails(1, file + ": there is no adapter_config.json; an adapter is a folder");
  }

  @Test
  void absentFiles() {
    Path none = folder.resolve("none");
    run("generate", "--model", none, "-p", "x").fails(1, none + ": cannot be read: there is no");
    training(1, none + " does not exist", "--model", model, "--data", none);
    run("generate", "--model", model, "--adapter-path", none, "-p", "x")
        .fails(1, none + ": there is no adapter_config.json");
  }

  @Test
  void tableInsteadOfRows() throws IOException {
    Path table = file("table.csv", "prompt,completion\na,b\n");
    training(1, table + ", line 1: ", "--model", model, "--data", table);
    training(1, "CSV and plain text must be converted", "--model", model, "--data", table);
  }
}
