"""What transformers computes in training with the dropout masks of this project: writes CASE.json beside this script.

Usage: dropout.py CASE...
CASE is an adapter of a classifier in ../peft. Its model stays as it is for some steps, only the masks change: the loss of each goes
into the file. So the file says where transformers drops what, for the masks are counters alone: Philox 4x32-10 with key seed and
counter (feature / 4, token, step, tensor), or (head << 20 | key / 4, token of the query, step, tensor) for attention's weights; token
counts all rows without padding; tensor is 2^27 + 5 layer + place (torch 2.13.0, transformers 5.17.0, peft 0.21.0)."""

import json
import pathlib
import re
import sys

import numpy
import peft
import torch
import transformers
from safetensors.torch import load_file

SEED, STEPS = 0x123456789, 6
EMBEDDINGS, WEIGHTS, OUTPUT, DOWN, HEAD = range(5)
PLACES = {r"(bert|roberta|distilbert)\.embeddings\.dropout": EMBEDDINGS, r"layer\.(\d+)\.attention\.output\.dropout": OUTPUT,
          r"layer\.(\d+)\.(output|ffn)\.dropout": DOWN, r"model\.(classifier\.)?dropout": HEAD,
          r"classifier\.modules_to_save\.default\.dropout": HEAD}


def philox(c0, c1, c2, c3):
    """Four words for each counter, as an array with one more axis."""
    c = [numpy.asarray(x, dtype=numpy.uint64) for x in numpy.broadcast_arrays(c0, c1, c2, c3)]
    low, half = numpy.uint64(0xFFFFFFFF), numpy.uint64(32)
    k0, k1 = SEED & 0xFFFFFFFF, SEED >> 32
    for _ in range(10):
        p0, p1 = numpy.uint64(0xD2511F53) * c[0], numpy.uint64(0xCD9E8D57) * c[2]
        c = [p1 >> half ^ c[1] ^ numpy.uint64(k0), p1 & low, p0 >> half ^ c[3] ^ numpy.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return numpy.stack(c, -1)


class Masks:
    """The step, and which token stands where: [rows, columns], counted over all rows."""

    def __init__(self, mask):
        count = int(mask.sum())
        self.tokens = numpy.zeros(mask.shape, dtype=numpy.int64)
        self.tokens[mask.bool().numpy()] = range(count)
        self.step, self.attentions = 0, 0

    def factors(self, p, tensor, c0, c1, last):
        words = philox(c0, c1, self.step, tensor)
        words = words.reshape(*words.shape[:-2], -1)[..., :last]
        return torch.from_numpy(numpy.where((words >> numpy.uint64(8)) * 2.0**-24 >= p, 1 / (1 - p), 0)).float()

    def hidden(self, x, p, place, layer):
        tokens = self.tokens if x.dim() == 3 else self.tokens[:, 0]
        groups = numpy.arange((x.shape[-1] + 3) // 4)
        return x * self.factors(p, (1 << 27) + 5 * layer + place, groups, tokens[..., None], x.shape[-1])

    def weights(self, x, p=0.0, training=True, inplace=False):
        layer, self.attentions = self.attentions, self.attentions + 1
        heads, keys = x.shape[1], x.shape[3]
        c0 = (numpy.arange(heads) << 20)[None, :, None, None] + numpy.arange((keys + 3) // 4)
        return x * self.factors(p, (1 << 27) + 5 * layer + WEIGHTS, c0, self.tokens[:, None, :, None], keys)


class Masked(torch.nn.Module):
    """In place of a Dropout; a head that drops twice counts its layers."""

    def __init__(self, masks, p, place, layer, twice):
        super().__init__()
        self.masks, self.p, self.place, self.layer, self.twice = masks, p, place, layer, twice

    def forward(self, x):
        if self.place == HEAD:
            layer, self.layer = self.layer, 1 - self.layer if self.twice else self.layer
            return self.masks.hidden(x, self.p, HEAD, layer)
        return self.masks.hidden(x, self.p, self.place, self.layer)


def replace(net, masks, roberta):
    for name, module in list(net.named_modules()):
        if not isinstance(module, torch.nn.Dropout) or "original_module" in name:
            continue
        found = [(re.search(pattern + "$", name), place) for pattern, place in PLACES.items()]
        found = [(match, place) for match, place in found if match]
        if not found:
            assert re.search(r"attention\.(self\.)?dropout$", name), name  # its p is read, it is not called
            continue
        match, place = found[0]
        layer = (0 if roberta else 1) if place == HEAD else int(match[1]) if place in (OUTPUT, DOWN) else 0
        net.set_submodule(name, Masked(masks, module.p, place, layer, roberta))


def run(case):
    here = pathlib.Path(__file__).resolve().parent
    folder = here.parent / "peft" / case
    config = json.loads((folder / "adapter_config.json").read_text())
    io = load_file(folder / "io.safetensors")
    base = transformers.AutoModelForSequenceClassification.from_pretrained(
        here.parent / config["base_model_name_or_path"], attn_implementation="eager")
    net = peft.PeftModel.from_pretrained(base, folder).train()
    masks = Masks(io["attention_mask"])
    replace(net, masks, base.config.model_type == "roberta")
    torch.nn.functional.dropout = masks.weights
    inputs = {name: io[name] for name in ("input_ids", "attention_mask", "token_type_ids", "labels") if name in io}
    losses = []
    for masks.step in range(1, STEPS + 1):
        masks.attentions = 0
        losses.append(net(**inputs).loss.item())
        assert masks.attentions == base.config.num_hidden_layers
    facts = {"adapter": f"peft/{case}", "seed": SEED, "losses": losses}
    (here / f"{case}.json").write_text(json.dumps(facts, indent=2) + "\n")


for case in sys.argv[1:]:
    run(case)
