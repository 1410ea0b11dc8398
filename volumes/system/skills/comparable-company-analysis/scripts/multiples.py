#!/usr/bin/env python3
"""Peer multiples and their distribution from a CSV file.

usage: multiples.py peers.csv
Columns: company,market_cap,net_debt,revenue,ebitda,net_income
(net_debt includes minority interest and preferred stock, less associates).
A multiple whose denominator is not positive is reported as null (not meaningful).
"""
import csv
import json
import statistics
import sys


def ratio(a, b):
    return a / b if b > 0 else None


def spread(values):
    v = sorted(x for x in values if x is not None)
    if len(v) < 2:
        return {"n": len(v)}
    q1, q2, q3 = statistics.quantiles(v, n=4, method="inclusive")
    return {"n": len(v), **{k: round(x, 2) for k, x in (
        ("min", v[0]), ("q1", q1), ("median", q2), ("q3", q3), ("max", v[-1]),
        ("mean", statistics.mean(v)))}}


def main(path):
    peers = []
    with open(path, newline="", encoding="utf-8-sig") as f:
        for r in csv.DictReader(f):
            n = {k: float(r[k]) for k in
                 ("market_cap", "net_debt", "revenue", "ebitda", "net_income")}
            ev = n["market_cap"] + n["net_debt"]
            peers.append({"company": r["company"], "ev": round(ev, 2),
                          "ev_revenue": ratio(ev, n["revenue"]),
                          "ev_ebitda": ratio(ev, n["ebitda"]),
                          "pe": ratio(n["market_cap"], n["net_income"])})
    names = ("ev_revenue", "ev_ebitda", "pe")
    summary = {k: spread([p[k] for p in peers]) for k in names}
    for p in peers:               # round only after the statistics are taken
        p.update({k: round(p[k], 2) for k in names if p[k] is not None})
    return {"peers": peers, "summary": summary}


if __name__ == "__main__":
    try:
        if len(sys.argv) != 2:
            raise ValueError("give one CSV file")
        print(json.dumps(main(sys.argv[1]), indent=1))
    except (OSError, ValueError, KeyError, TypeError) as e:
        print(json.dumps({"error": "invalid_input", "message": str(e)}))
        sys.exit(2)
