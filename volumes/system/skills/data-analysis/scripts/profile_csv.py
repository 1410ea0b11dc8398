#!/usr/bin/env python3
"""Profile a CSV file: types, missing values, distinct counts, ranges, duplicates.

usage: profile_csv.py data.csv [delimiter]
"""
import csv
import json
import math
import statistics
import sys
from collections import Counter
from datetime import datetime

MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}


def as_number(text):
    try:
        v = float(text)
    except ValueError:
        return None
    return v if math.isfinite(v) else None


def is_date(text):
    try:
        datetime.fromisoformat(text.replace("Z", "+00:00"))
        return not text.isdigit()
    except ValueError:
        return False


def column(values):
    present = [v.strip() for v in values if v.strip().lower() not in MISSING]
    out = {"missing": len(values) - len(present), "distinct": len(set(present))}
    numbers = [n for n in map(as_number, present) if n is not None]
    if present and len(numbers) == len(present):
        s = sorted(numbers)
        out.update(type="number", min=s[0], median=statistics.median(s),
                   mean=round(statistics.mean(s), 4), max=s[-1])
        if len(s) >= 4:
            q1, _, q3 = statistics.quantiles(s, n=4, method="inclusive")
            lo, hi = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
            out.update(q1=q1, q3=q3, outside_fences=sum(x < lo or x > hi for x in s))
    elif present and all(map(is_date, present)):
        out.update(type="date", min=min(present), max=max(present))
    else:
        out.update(type="text" if present else "empty",
                   top=Counter(present).most_common(3))
        if 0 < len(numbers) < len(present):
            out["numeric_looking"] = len(numbers)
    return out


def main(path, delimiter=","):
    with open(path, newline="", encoding="utf-8-sig") as f:
        rows = [r for r in csv.reader(f, delimiter=delimiter) if r]
    if not rows:
        raise ValueError("file has no rows")
    header, body = rows[0], rows[1:]
    ragged = sum(len(r) != len(header) for r in body)
    good = [r for r in body if len(r) == len(header)]
    return {"rows": len(body), "ragged_rows": ragged,
            "duplicate_rows": len(good) - len({tuple(r) for r in good}),
            "columns": {h: column([r[i] for r in good]) for i, h in enumerate(header)}}


if __name__ == "__main__":
    try:
        if len(sys.argv) not in (2, 3):
            raise ValueError("usage: profile_csv.py data.csv [delimiter]")
        print(json.dumps(main(*sys.argv[1:]), indent=1))
    except (OSError, ValueError, TypeError, csv.Error) as e:
        print(json.dumps({"error": "invalid_input", "message": str(e)}))
        sys.exit(2)
