#!/usr/bin/env python3
"""Binary classification metrics from a confusion matrix, with Wilson intervals.

usage: classmetrics.py TP FP FN TN [--cost-fp 1 --cost-fn 1]
"""
import argparse
import json
import math
import sys


def wilson(k, n, z=1.959964):
    if n == 0:
        return None
    p, d = k / n, 1 + z * z / n
    centre = (p + z * z / (2 * n)) / d
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d
    return {"value": round(p, 4), "ci95": [round(max(0, centre - half), 4),
                                           round(min(1, centre + half), 4)]}


def metrics(tp, fp, fn, tn, cost_fp, cost_fn):
    if min(tp, fp, fn, tn) < 0 or tp + fp + fn + tn == 0:
        raise ValueError("counts must not be negative and not all zero")
    n = tp + fp + fn + tn
    mcc_den = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    recall, spec = wilson(tp, tp + fn), wilson(tn, tn + fp)
    return {
        "n": n, "prevalence": round((tp + fn) / n, 4),
        "accuracy": wilson(tp + tn, n),
        "majority_baseline_accuracy": round(max(tp + fn, tn + fp) / n, 4),
        "precision": wilson(tp, tp + fp), "recall": recall, "specificity": spec,
        "f1": round(2 * tp / (2 * tp + fp + fn), 4) if tp + fp + fn else None,
        "balanced_accuracy": (round((tp / (tp + fn) + tn / (tn + fp)) / 2, 4)
                              if recall and spec else None),
        "mcc": round((tp * tn - fp * fn) / mcc_den, 4) if mcc_den else None,
        "cost_per_case": round((cost_fp * fp + cost_fn * fn) / n, 4),
    }


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    for name in ("tp", "fp", "fn", "tn"):
        p.add_argument(name, type=int)
    p.add_argument("--cost-fp", type=float, default=1)
    p.add_argument("--cost-fn", type=float, default=1)
    a = p.parse_args()
    try:
        print(json.dumps(metrics(a.tp, a.fp, a.fn, a.tn, a.cost_fp, a.cost_fn), indent=1))
    except ValueError as e:
        print(json.dumps({"error": "invalid_input", "message": str(e)}))
        sys.exit(2)
