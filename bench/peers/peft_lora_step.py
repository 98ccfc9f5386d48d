"""Times LoRA training steps of PyTorch + PEFT on a model of SmolLM2-135M's shape, random weights: the peer of
TrainStepBenchmark. Usage: peft_lora_step.py [--threads 2] [--tokens 512] [--steps 7] [--dtype bf16|f32]
Prints one JSON line: the median of all steps but the first, in seconds, and tokens per second."""

import argparse
import json
import statistics
import time

import peft
import torch
import transformers


def model(dtype):
    config = transformers.LlamaConfig(
        hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, vocab_size=49152, tie_word_embeddings=True, max_position_embeddings=8192)
    config._attn_implementation = "sdpa"
    config.use_cache = False
    base = transformers.LlamaForCausalLM(config).to(dtype)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora = peft.LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=targets)
    return peft.get_peft_model(base, lora).to(dtype).train()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    net = model(torch.bfloat16 if options.dtype == "bf16" else torch.float32)
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-4)
    ids = torch.randint(0, 49152, (1, options.tokens))
    times = []
    for _ in range(options.steps):
        start = time.perf_counter()
        net(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - start)
    median = statistics.median(times[1:])
    print(json.dumps({
        "peer": f"torch {torch.__version__} peft {peft.__version__}", "dtype": options.dtype,
        "threads": options.threads, "tokens": options.tokens, "seconds": round(median, 4),
        "tokens_per_second": round(options.tokens / median, 1)}))


if __name__ == "__main__":
    main()
