"""The five QLoRA steps of qlora.safetensors in double precision: norms, softmax, sums, optimizer; only the rotation's
cosines and sines stay float, as the model defines them. Writes qlora_f64.safetensors beside qlora.safetensors.

Usage: qlora_f64.py BASE GOLDEN
BASE is a Hugging Face folder with the decoded 4-bit weights in float32; GOLDEN holds qlora.safetensors. With float in
place of double the same script gives qlora.safetensors bit for bit (torch 2.13.0, transformers 5.17.0, 2 threads)."""

import sys

import torch
import transformers.models.llama.modeling_llama as llama
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

RANK, ALPHA, STEPS = 8, 16, 5


def in_double():
    """Takes away the places where the model computes in float whatever its type."""
    softmax = torch.nn.functional.softmax
    torch.nn.functional.softmax = lambda x, dim=None, dtype=None: softmax(x, dim=dim)

    def norm(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))

    llama.LlamaRMSNorm.forward = norm


def adapt(model):
    """LoRA on every linear layer with the closed-form start of info.json."""
    factors = []
    linear = [m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "lm_head"]
    for i, layer in enumerate(linear):
        j = torch.arange(RANK * layer.in_features, dtype=torch.float64)
        start = (0.02 * torch.sin(0.7 * j + i)).float().double().reshape(RANK, -1)
        a = torch.nn.Parameter(start)
        b = torch.nn.Parameter(torch.zeros(layer.out_features, RANK, dtype=torch.float64))
        layer.register_forward_hook(lambda _, x, y, a=a, b=b: y + (ALPHA / RANK) * (x[0] @ a.T) @ b.T)
        factors += [a, b]
    return factors


def main():
    base, folder = sys.argv[1:]
    in_double()
    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager").eval().double()
    model.requires_grad_(False)
    golden = load_file(f"{folder}/qlora.safetensors")
    rows = [(golden[f"row{i}.prompt"].tolist(), golden[f"row{i}.answer"].tolist()) for i in (0, 1)]
    answers = sum(len(answer) for _, answer in rows)
    factors = adapt(model)
    optimizer = torch.optim.AdamW(factors, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        losses.append(0.0)
        for prompt, answer in rows:
            logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="sum") / answers
            loss.backward()
            losses[-1] += loss.item()
        optimizer.step()
    with torch.no_grad():
        after = model(torch.tensor([rows[0][0]])).logits[0, -1]
    tensors = {"losses": torch.tensor(losses, dtype=torch.float64), "last_logits_after": after.float()}
    save_file(tensors, f"{folder}/qlora_f64.safetensors")
    print("largest difference to qlora.safetensors:", (golden["last_logits_after"].double() - after).abs().max().item())


if __name__ == "__main__":
    main()
