#!/usr/bin/env python3
"""Greedy pairwise (all-pairs) test set. Deterministic; prints JSON.

usage: pairwise.py parameters.json
Input: {"browser": ["chrome", "firefox"], "os": ["linux", "mac", "win"], ...}
"""
import json
import sys
from itertools import combinations, product


def all_pairs(params):
    names = list(params)
    return {((a, va), (b, vb)) for a, b in combinations(names, 2)
            for va, vb in product(params[a], params[b])}


def pairs_of(row, names):
    return {((a, row[a]), (b, row[b])) for a, b in combinations(names, 2)
            if a in row and b in row}


def generate(params):
    names, open_pairs, rows = list(params), all_pairs(params), []
    order = {p: i for i, p in enumerate(
        ((a, va), (b, vb)) for a, b in combinations(names, 2)
        for va, vb in product(params[a], params[b]))}
    while open_pairs:
        (a, va), (b, vb) = min(open_pairs, key=order.get)
        row = {a: va, b: vb}
        for name in names:
            if name not in row:
                row[name] = max(params[name], key=lambda v: len(
                    pairs_of({**row, name: v}, names) & open_pairs))
        row = {n: row[n] for n in names}
        open_pairs -= pairs_of(row, names)
        rows.append(row)
    return rows


def main(path):
    with open(path, encoding="utf-8") as f:
        params = json.load(f)
    if not isinstance(params, dict) or len(params) < 2:
        raise ValueError("need an object with at least two parameters")
    for name, values in params.items():
        if not isinstance(values, list) or not values or len(set(values)) != len(values):
            raise ValueError(f"{name}: need a list of distinct values")
    rows = generate(params)
    total = 1
    for v in params.values():
        total *= len(v)
    covered = set().union(*(pairs_of(r, list(params)) for r in rows))
    return {"exhaustive": total, "pairs": len(all_pairs(params)),
            "covered": len(covered), "cases": len(rows), "rows": rows}


if __name__ == "__main__":
    try:
        if len(sys.argv) != 2:
            raise ValueError("give one JSON file")
        result = main(sys.argv[1])
    except (OSError, ValueError, TypeError) as e:
        print(json.dumps({"error": "invalid_input", "message": str(e)}))
        sys.exit(2)
    rows = result.pop("rows")
    print(json.dumps(result))
    for r in rows:
        print(json.dumps(r))
