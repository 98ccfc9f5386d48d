"""Trains and measures a classifier with PyTorch + PEFT: the peer of `gatun train --task classification`.
Usage: peft_classifier.py MODEL TRAIN.jsonl TEST.jsonl [--epochs 5] [--batch-size 16] [--lr 1e-3] [--rank 8] [--alpha 32]
MODEL is a Hugging Face folder; rows have text and label; a batch is padded to its longest row; the rate falls linearly.
Prints one JSON line: seconds of training, tokens per second without padding, accuracy on the test rows."""

import argparse
import json
import random
import time

import peft
import torch
import transformers


def rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def batches(data, size, tokenizer, names):
    for first in range(0, len(data), size):
        part = data[first:first + size]
        inputs = tokenizer([row["text"] for row in part], padding=True, truncation=True, return_tensors="pt")
        yield inputs, torch.tensor([names.index(row["label"]) for row in part])


def adapted(options, names):
    base = transformers.AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=len(names))
    lora = peft.LoraConfig(task_type="SEQ_CLS", r=options.rank, lora_alpha=options.alpha, lora_dropout=0.0,
                           target_modules=["query", "key", "value", "dense"])
    return peft.get_peft_model(base, lora)


def train(net, data, tokenizer, names, options):
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=options.lr, weight_decay=0.0)
    steps = -(-len(data) // options.batch_size) * options.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    net.train()
    tokens = 0
    for _ in range(options.epochs):
        random.shuffle(data)
        for inputs, labels in batches(data, options.batch_size, tokenizer, names):
            net(**inputs, labels=labels).loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            tokens += int(inputs["attention_mask"].sum())
    return tokens


def accuracy(net, data, tokenizer, names):
    net.eval()
    with torch.no_grad():
        right = sum(int((net(**inputs).logits.argmax(-1) == labels).sum())
                    for inputs, labels in batches(data, 32, tokenizer, names))
    return right / len(data)


def main():
    parser = argparse.ArgumentParser()
    for name in ["model", "train", "test"]:
        parser.add_argument(name)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--alpha", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    data, test = rows(options.train), rows(options.test)
    names = sorted({row["label"] for row in data})
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    net = adapted(options, names)
    start = time.perf_counter()
    tokens = train(net, data, tokenizer, names, options)
    seconds = time.perf_counter() - start
    print(json.dumps({
        "peer": f"torch {torch.__version__} peft {peft.__version__}", "threads": options.threads,
        "epochs": options.epochs, "seconds": round(seconds, 1), "tokens_per_second": round(tokens / seconds, 1),
        "accuracy": round(accuracy(net, test, tokenizer, names), 4)}))


if __name__ == "__main__":
    main()
