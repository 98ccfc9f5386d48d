"""Times LoRA training steps of PyTorch + PEFT on a model of a known shape, random weights: the peer of TrainStepBenchmark and of
`gatun bench train`.
Usage: peft_lora_step.py [--shape smollm2-135m|llama-8b] [--layers N] [--rows 1] [--tokens 512] [--steps 7] [--dtype bf16|f32]
                         [--device cpu|cuda] [--threads 2] [--checkpointing]
Prints one JSON line: the median of all steps but the first two, in seconds, tokens per second, and on a GPU the peak of memory."""

import argparse
import json
import statistics
import time

import peft
import torch
import transformers

SHAPES = {
    "smollm2-135m": dict(
        hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, vocab_size=49152, tie_word_embeddings=True, max_position_embeddings=8192),
    "llama-8b": dict(
        hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
        num_key_value_heads=8, vocab_size=128256, tie_word_embeddings=False, max_position_embeddings=8192,
        rope_parameters=dict(rope_type="default", rope_theta=500000.0)),
}


def model(options, dtype):
    shape = dict(SHAPES[options.shape])
    if options.layers:
        shape["num_hidden_layers"] = options.layers
    config = transformers.LlamaConfig(**shape)
    config._attn_implementation = "sdpa"
    config.use_cache = False
    torch.set_default_dtype(dtype)
    with torch.device(options.device):
        base = transformers.LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora = peft.LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=targets)
    net = peft.get_peft_model(base, lora).to(dtype).train()
    if options.checkpointing:
        net.enable_input_require_grads()
        net.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return net


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", choices=list(SHAPES), default="smollm2-135m")
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--checkpointing", action="store_true")
    options = parser.parse_args()
    gpu = options.device == "cuda"
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    net = model(options, torch.bfloat16 if options.dtype == "bf16" else torch.float32)
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-4)
    ids = torch.randint(0, net.config.vocab_size, (options.rows, options.tokens), device=options.device)
    times = []
    for _ in range(options.steps):
        start = time.perf_counter()
        net(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if gpu:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    median = statistics.median(times[2:])
    result = {
        "peer": f"torch {torch.__version__} transformers {transformers.__version__} peft {peft.__version__}",
        "shape": options.shape, "layers": net.config.num_hidden_layers, "dtype": options.dtype,
        "checkpointing": options.checkpointing, "rows": options.rows, "tokens": options.tokens,
        "seconds": round(median, 4), "tokens_per_second": round(options.rows * options.tokens / median, 1)}
    if gpu:
        result |= {"device": torch.cuda.get_device_name(), "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2)}
    else:
        result |= {"threads": options.threads}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
