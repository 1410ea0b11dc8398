#!/usr/bin/env python3
"""train.py MODEL OUTPUT [SEED]: learns the adapter of goals (low-rank changes to the encoder's matrices) on the goals beside this file.

MODEL: the folder of all-MiniLM-L6-v2 with its 32-bit weights. OUTPUT: the adapter, as `Embedder::adapted` reads it. One thread; about five minutes.
Supervised contrastive learning (Khosla et al., 2020): in a batch of tasks, goals of one come closer and all others go apart. Tasks that
stand beside each other in a file are drawn together, so that near ones are told apart. Names are swapped and small talk is added,
so that neither says anything."""
import hashlib
import math
import os
import pathlib
import random
import re
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

NAME = "goals-1"
RANK, SCALE, DROPOUT = 4, 2.0, 0.1
EPOCHS, RATE, TEMPERATURE = 4, 1e-3, 0.07
TASKS, GOALS, NEIGHBOURS = 24, 4, 3
MATRICES = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "intermediate.dense", "output.dense"]

# What src/text.rs replaces in a goal, as far as goals here have it.
KINDS = "csv|tsv|xlsx?|pdf|docx?|pptx?|json|ya?ml|toml|sql|log|txt|md|html?|parquet|png|jpe?g|svg|zip|py|rs|tsx?|jsx?|go|java|ipynb"
DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|april|june|july|august|september|october|november|december"
RULES = [(re.compile(rule), instead) for rule, instead in [
    (rf"(?i)\b[\w-]+\.(?:{KINDS})\b", "a file"),
    (r"(?i)\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|app|eu|co|shop|example|[a-z]{2}\b)(?:/\S*)?", "a site"),
    (r"(?i)[€$£¥]\s?\d[\d.,]*(?:\s?(?:k|m|bn?|mio)\b)?|\b\d[\d.,]*\s?(?:k\s)?(?:euros?|dollars?|pounds|usd|eur|gbp|chf)\b", "an amount"),
    (rf"(?i)\b(?:\d{{1,2}}(?:st|nd|rd|th|\.)?\s+)?(?:{DAYS})\b(?:\s+\d{{1,4}}(?:st|nd|rd|th)?)?", "a date"),
    (r"\b(?:\d{1,2}\.?\s+)?(?:March|May|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri)\b\.?(?:\s+\d{1,4})?", "a date"),
    (r"#?[^\s,;:()]*\d[^\s,;:()]*", ""),
]]

NAMES = {
    "@": "Ana Maria|Yuki|Kofi|Zeynep|Oluwaseun|Björn|Ms. Laurent|Dr. Haddad|Pavel|Siobhan|Rajesh|Mei Lin|Carlos Ortega|Freya|Ibrahim|Nguyen Anh|"
         "Katarzyna|Mr. Adeyemi|Sofia|Matteo|Chloe|Jamal|Petra Novak|Ines|Olga|Tariq|Emeka|Lars|Hana|Diego",
    "%": "Acme|Norvik|Sunward Energy|Pelican Freight|Quillstone|Aurora Health|Zenit AG|Marlowe & Sons|Fjordline|Orchid Robotics|Castellan|Brightwater|"
         "Delmonte Paper|Oakhurst|Helix Bio|Rivage|Terranova|Ostrava Steel|Lumen Labs|Cobalt|Ironbridge|Saffron Foods|Polaris|Tessera|Blue Harbour|"
         "Granite Bank|Vela|Juniper Toys|Mistral|Eastgate",
    "#": "orion|mango-api|ledgerly|atlas|payments-core|shopfront|nimbus|web-client|sparrow|data-hub|quartz|pigeon|gateway|mercury|forms|lantern|"
         "pipeline-x|inventory|bluebird|core",
    "~": "Madrid|Osaka|Nairobi|Warsaw|Bergen|Lima|Toronto|Cape Town|Utrecht|Hamburg|Lyon|Prague|Mumbai|Seattle|Bogotá|Athens|Riga|Kyiv|Cairo|Malmö|"
         "Porto|Turin|Jakarta|Accra|Tampere|Boston|Zürich|Seoul|Galway|Basel",
}
NAMES = {kind: names.split("|") for kind, names in NAMES.items()}
BEFORE = ("hi,|hey there,|Hello!|please|pls|quick one:|urgent:|Can you|could you please|I need you to|we need to|my boss wants us to|not sure who to ask:|"
          "as discussed:|task:|todo:|following up on yesterday:|Please help me|help,|ok so").split("|")
AFTER = ("thanks|asap|thx!|no rush|by Friday|before noon|I'm on the train until 4|sorry for the late notice|Ana knows the details|like last time|"
         "it's for the Norvik people|keep it short|ask me if unclear|budget is tight|we did this last year too|the old one is on the shared drive|"
         "Pavel will check it|for tomorrow's meeting|and send it to Freya|I only have my phone with me|need it in English|not more than a page|"
         "the client is nervous|cc me").split("|")
NAMED = re.compile(r"(?<![^\s(\"'/])([@%#~])([A-Za-z][\w-]*)")


def tasks(folder):
    """The goals of each task, in the order of the files."""
    for path in sorted(folder.glob("*.txt")):
        if path.name == "requirements.txt":
            continue
        for block in ("\n" + path.read_text(encoding="utf-8")).split("\n== ")[1:]:
            yield [line for line in block.splitlines()[1:] if line.strip()]


def vary(goal, draw):
    """A goal with other names, small talk around it, now and then a typing error."""
    goal = NAMED.sub(lambda found: draw.choice(NAMES[found[1]]) if draw.random() < 0.7 else found[2].replace("_", " "), goal)
    if draw.random() < 0.2:
        goal = f"{draw.choice(BEFORE)} {goal}"
    if draw.random() < 0.2:
        goal += draw.choice([", ", " - ", ". ", " "]) + draw.choice(AFTER)
    if draw.random() < 0.15:
        goal = f"{draw.choice(NAMES[draw.choice('@%#~')])}: {goal}"
    if draw.random() < 0.15:
        goal = goal.lower()
    at = draw.randrange(len(goal))
    if draw.random() < 0.12 and goal[at:at + 2].isalpha():
        goal = goal[:at] + goal[at + 1:at + 2] + (goal[at] if draw.random() < 0.5 else "") + goal[at + 2:]
    words = goal.split()
    if draw.random() < 0.1 and len(words) > 4:
        words.pop(draw.randrange(len(words)))
    return " ".join(words)


def generalise(goal):
    for rule, instead in RULES:
        goal = rule.sub(instead, goal)
    return " ".join(goal.split())


class Encoder(torch.nn.Module):
    """A BERT of 384 numbers in twelve heads, frozen, with a low-rank change to each matrix of its layers."""

    def __init__(self, weights):
        super().__init__()
        self.weights = {name.removeprefix("bert."): value.float() for name, value in weights.items()}
        self.layers = 1 + max(int(name.split(".")[2]) for name in self.weights if name.startswith("encoder.layer."))
        self.changes = torch.nn.ParameterDict()
        for at in range(self.layers):
            for matrix in MATRICES:
                name = f"encoder.layer.{at}.{matrix}"
                outputs, inputs = self.weights[f"{name}.weight"].shape
                self.changes[f"{name}.a".replace(".", "/")] = torch.nn.Parameter(torch.randn(RANK, inputs) / math.sqrt(inputs))
                self.changes[f"{name}.b".replace(".", "/")] = torch.nn.Parameter(torch.zeros(outputs, RANK))

    def linear(self, x, name):
        a, b = (self.changes[f"{name}.{part}".replace(".", "/")] for part in "ab")
        change = F.linear(F.linear(F.dropout(x, DROPOUT, self.training), a), b)
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]) + SCALE * change

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-12)

    def forward(self, ids, mask):
        count, length = ids.shape
        dropped = lambda x: F.dropout(x, DROPOUT, self.training)
        x = self.weights["embeddings.word_embeddings.weight"][ids] + self.weights["embeddings.position_embeddings.weight"][:length]
        x = dropped(self.norm(x + self.weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm"))
        hidden = (1 - mask[:, None, None, :]) * -1e9
        for at in range(self.layers):
            name = f"encoder.layer.{at}."
            split = lambda part: self.linear(x, f"{name}attention.self.{part}").view(count, length, 12, 32).transpose(1, 2)
            query, key, value = map(split, ("query", "key", "value"))
            seen = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(32) + hidden, -1) @ value
            seen = self.linear(seen.transpose(1, 2).reshape(count, length, 384), f"{name}attention.output.dense")
            x = self.norm(x + dropped(seen), f"{name}attention.output.LayerNorm")
            inner = self.linear(F.gelu(self.linear(x, f"{name}intermediate.dense")), f"{name}output.dense")
            x = self.norm(x + dropped(inner), f"{name}output.LayerNorm")
        return F.normalize((x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)


def batch(tokenizer, goals):
    rows = [tokenizer.encode(generalise(goal)).ids for goal in goals]
    ids, mask = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long), torch.zeros(len(rows), max(map(len, rows)))
    for at, row in enumerate(rows):
        ids[at, :len(row)], mask[at, :len(row)] = torch.tensor(row), 1
    return ids, mask


def main():
    model, output = pathlib.Path(sys.argv[1]), sys.argv[2]
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    draw = random.Random(seed)
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(64)
    all_tasks = list(tasks(pathlib.Path(__file__).parent))
    encoder = Encoder(load_file(model / "model.safetensors")).train()
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=RATE, weight_decay=0.01)
    steps = sum(map(len, all_tasks)) // (TASKS * GOALS) * EPOCHS
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 20) * max(0.02, 0.5 * (1 + math.cos(math.pi * step / steps)))
        chosen = set()
        while len(chosen) < TASKS:
            first = draw.randrange(len(all_tasks))
            chosen.update(list(range(first, min(first + NEIGHBOURS, len(all_tasks))))[:TASKS - len(chosen)])
        goals = [(task, vary(goal, draw)) for task in sorted(chosen) for goal in draw.sample(all_tasks[task], GOALS)]
        vectors = encoder(*batch(tokenizer, [goal for _, goal in goals]))
        of = torch.tensor([task for task, _ in goals])
        itself = torch.eye(len(goals), dtype=torch.bool)
        same = (of[:, None] == of[None]) & ~itself
        logits = vectors @ vectors.T / TEMPERATURE
        chances = logits - torch.logsumexp(logits.masked_fill(itself, -1e9), 1, keepdim=True)
        loss = -((chances * same).sum(1) / same.sum(1)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        print(f"step {step + 1} of {steps}, loss {loss.item():.3f}", flush=True)
    tensors = {name.replace("/", "."): (SCALE * value if name.endswith("b") else value).detach().to(torch.bfloat16).contiguous()
               for name, value in encoder.changes.items()}
    base = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    save_file(tensors, output, metadata={"name": NAME, "base_sha256": base})


if __name__ == "__main__":
    main()
