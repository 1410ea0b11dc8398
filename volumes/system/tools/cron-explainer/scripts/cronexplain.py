#!/usr/bin/env python3
"""Validate a five-field cron expression and list its next runs as JSON.

usage: cronexplain.py "EXPRESSION" [--from 2025-01-31T12:00] [--count 5]
Times are wall-clock times in the scheduler's own zone; no DST handling.
"""
import argparse
import json
import sys
from datetime import datetime, timedelta

MONTHS = {m: i for i, m in enumerate(
    "jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
DAYS = {d: i for i, d in enumerate("sun mon tue wed thu fri sat".split())}
FIELDS = [("minute", 0, 59, {}), ("hour", 0, 23, {}), ("day_of_month", 1, 31, {}),
          ("month", 1, 12, MONTHS), ("day_of_week", 0, 7, DAYS)]
MACROS = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
          "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
          "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *"}


class CronError(Exception):
    pass


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise CronError(message)


def value(text, name, lo, hi, names):
    v = names.get(text.lower())
    if v is None:
        if not (text.isascii() and text.isdigit()):
            raise CronError(f"{name}: cannot read {text!r}")
        v = int(text)
    if not lo <= v <= hi:
        raise CronError(f"{name}: {v} is outside {lo}-{hi}")
    return v


def field(text, name, lo, hi, names):
    out = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = 1
        if slash:
            if not (step_text.isascii() and step_text.isdigit()) or int(step_text) == 0:
                raise CronError(f"{name}: bad step in {part!r}")
            step = int(step_text)
        if span == "*":
            a, b = lo, (6 if name == "day_of_week" else hi)
        elif "-" in span:
            left, right = span.split("-", 1)
            a, b = (value(x, name, lo, hi, names) for x in (left, right))
            if a > b:
                raise CronError(f"{name}: range {span!r} runs backwards")
        else:
            a = value(span, name, lo, hi, names)
            b = hi if slash else a
        out.update(range(a, b + 1, step))
    if name == "day_of_week" and 7 in out:
        out = (out - {7}) | {0}
    return out


def parse(expression):
    expression = MACROS.get(expression.strip().lower(), expression)
    parts = expression.split()
    if len(parts) != 5:
        raise CronError(f"expected 5 fields, got {len(parts)}")
    sets = {f[0]: field(t, *f) for t, f in zip(parts, FIELDS)}
    return sets, parts


def day_matches(day, sets, parts):
    dom = day.day in sets["day_of_month"]
    dow = (day.weekday() + 1) % 7 in sets["day_of_week"]
    # Classic rule: two restricted day fields are joined with OR.
    if not parts[2].startswith("*") and not parts[4].startswith("*"):
        return dom or dow
    return dom and dow


def next_runs(sets, parts, start, count):
    runs = []
    first = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    day = first.replace(hour=0, minute=0)
    for _ in range(366 * 9):          # nine years reach any 29 February
        if day.month in sets["month"] and day_matches(day, sets, parts):
            for h in sorted(sets["hour"]):
                for m in sorted(sets["minute"]):
                    t = day.replace(hour=h, minute=m)
                    if t >= first:
                        runs.append(t)
                        if len(runs) == count:
                            return runs
        day += timedelta(days=1)
    return runs


def main(argv):
    p = Parser(description=__doc__)
    p.add_argument("expression")
    p.add_argument("--from", dest="start", type=str)
    p.add_argument("--count", type=int, default=5)
    try:
        a = p.parse_args(argv)
        if not 1 <= a.count <= 100:
            raise CronError("count must lie in 1-100")
        try:
            start = datetime.fromisoformat(a.start) if a.start else datetime.now()
        except ValueError:
            raise CronError(f"--from: not an ISO date-time: {a.start!r}")
        sets, parts = parse(a.expression)
        runs = next_runs(sets, parts, start.replace(tzinfo=None), a.count)
    except (CronError, OverflowError) as e:
        print(json.dumps({"valid": False, "error": "invalid_cron", "message": str(e)}))
        return 2
    warnings = []
    if not runs:
        warnings.append("never runs: no such calendar day")
    if not parts[2].startswith("*") and not parts[4].startswith("*"):
        warnings.append("day of month and day of week are joined with OR")
    if sets["hour"] & {1, 2, 3} and len(sets["hour"]) < 24:
        warnings.append("runs between 01:00 and 03:59: check daylight saving changes")
    print(json.dumps({"valid": True, "normalized": " ".join(parts),
                      "next": [r.strftime("%a %Y-%m-%d %H:%M") for r in runs],
                      "warnings": warnings}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
