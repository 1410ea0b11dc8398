#!/usr/bin/env python3
"""Asks SQLite and DuckDB what the dashboard shows, as plain SQL over the usage events, and prints how long that took as JSON.

bench-analytics.py SQLITE DUCKDB FROM TO ZONE WORKSPACES: the server's database; where DuckDB keeps its copy of the events; the range in UTC milliseconds, from and
without to; an IANA time zone; the numbers of the workspaces, with commas. Needs Python 3.9 and, for DuckDB, its package from PyPI; without that it is left out, and
"skipped" says so. Both get the same statements but for how whole numbers are divided, and have to answer the same. Each has its own file in the system's memory.
SQLite works on one core, DuckDB on all.
"""

import csv
import json
import os
import re
import sqlite3
import statistics
import sys
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

COLUMNS = ("seq", "at", "kind", "workspace", "actor", "volume", "subject", "artifact_kind", "category", "amount", "extra")
TYPES = ("BIGINT", "BIGINT", "SMALLINT", "INTEGER", "INTEGER", "INTEGER", "INTEGER", "TINYINT", "TINYINT", "BIGINT", "BIGINT")
DAY = 86_400_000
HOUR = 3_600_000
# What was quick is asked again.
ROUNDS = 5
PATIENCE = 30.0
# What people did (crates/analytics, `is_activity`).
ACTIVITY = (
    "actor <> 0 AND (kind BETWEEN 100 AND 116 OR kind BETWEEN 200 AND 223 AND kind <> 201 AND (kind <> 200 OR amount = 0) OR kind BETWEEN 300 AND 309 AND kind <> 305"
    " OR kind BETWEEN 400 AND 405 OR kind BETWEEN 420 AND 423 OR kind = 501 OR kind BETWEEN 507 AND 511 OR kind IN (700, 701))"
)


def offset(first, last, zone):
    """What is added to UTC milliseconds to have local ones, as SQL: another number after each change of the clocks, which are at whole hours."""
    place = ZoneInfo(zone)

    def at(ms):
        return int(datetime.fromtimestamp(ms / 1000, timezone.utc).astimezone(place).utcoffset() / timedelta(milliseconds=1))

    changes, now = [], at(first)
    for ms in range(first - first % HOUR, last, HOUR):
        if at(ms) != now:
            changes.append((ms, now))
            now = at(ms)
    if not changes:
        return str(now)
    return "CASE " + " ".join(f"WHEN at < {ms} THEN {before}" for ms, before in changes) + f" ELSE {now} END"


def questions(first, last, zone, workspaces, div):
    """Statements by their names; `div` divides whole numbers."""
    local = f"(at + {offset(first, last, zone)})"
    day, hour, week = f"{local} {div} {DAY}", f"{local} {div} {HOUR} % 24", f"({local} {div} {DAY} + 3) {div} 7"
    span = f"at >= {first} AND at < {last}"
    mine = f"workspace IN ({workspaces})"
    here = f"{mine} AND {span}"
    active = f"{mine} AND at < {last} AND {ACTIVITY}"
    recent = ", ".join(f"COUNT(DISTINCT CASE WHEN at >= {last - days * DAY} THEN actor END)" for days in (1, 7, 30))
    there = "SUM(CASE kind WHEN 208 THEN -1 ELSE 1 END)"

    def ranked(key, condition, more=""):
        return f"SELECT {key}, COUNT(*) AS many{more} FROM usage_events WHERE {here} AND {condition} AND {key} <> 0 GROUP BY {key} ORDER BY many DESC, {key} LIMIT "

    asked = {
        "totals": f"SELECT kind, COUNT(*), SUM(amount), MAX(amount), SUM(extra), SUM(CASE WHEN extra = 0 THEN 1 ELSE 0 END), SUM(CASE WHEN amount > 0 THEN 1 ELSE 0 END) FROM usage_events WHERE {here} GROUP BY kind",
        "daily": f"SELECT {day} AS day, kind, COUNT(*), SUM(amount) FROM usage_events WHERE {here} AND kind IN (100, 200, 201, 212, 500, 503, 507, 700) GROUP BY day, kind",
        "sessions ever": f"SELECT COUNT(*) FROM usage_events WHERE {mine} AND kind = 100",
        "sessions by person": ranked("actor", "kind = 100") + "20",
        "sessions by team": ranked("workspace", "kind = 100") + "20",
        "commits by person": ranked("actor", "kind = 212") + "20",
        "categories": ranked("category", "kind IN (200, 201)") + "20",
        "artifacts by kind": f"SELECT artifact_kind, {there} FROM usage_events WHERE {mine} AND kind IN (200, 208, 209) GROUP BY artifact_kind",
        "artifacts by volume": f"SELECT volume, {there} FROM usage_events WHERE {mine} AND kind IN (200, 208, 209) GROUP BY volume",
        "most used skills": ranked("subject", "kind = 503", ", SUM(CASE WHEN amount > 0 THEN 1 ELSE 0 END)") + "20",
        "skills unused": f"SELECT COUNT(*) FROM (SELECT subject FROM usage_events WHERE {mine} AND kind = 503 AND subject <> 0 GROUP BY subject HAVING MAX(at) < {last - 30 * DAY}) AS unused",
        "active people": f"SELECT COUNT(DISTINCT CASE WHEN at >= {first} THEN actor END), {recent} FROM usage_events WHERE {active}",
        "heat": f"SELECT ({day} + 3) % 7 AS weekday, {hour} AS hour, COUNT(*) FROM usage_events WHERE {active} AND at >= {first} GROUP BY weekday, hour",
        "calendar": f"SELECT {day} AS day, COUNT(*) FROM usage_events WHERE {active} GROUP BY day",
        "retention": f"WITH acts AS (SELECT DISTINCT actor, {week} AS week FROM usage_events WHERE {active}), cohorts AS (SELECT actor, MIN(week) AS cohort FROM acts GROUP BY actor) "
        "SELECT cohort, week, COUNT(*) FROM acts JOIN cohorts ON cohorts.actor = acts.actor GROUP BY cohort, week",
        "people": ranked("actor", ACTIVITY) + "200",
        "volumes": ranked("volume", ACTIVITY) + "200",
        "most installed": ranked("subject", "kind = 601") + "20",
        "marketplace": f"SELECT kind, COUNT(*), SUM(amount) FROM usage_events WHERE {span} AND kind BETWEEN 600 AND 604 GROUP BY kind",
        "positions": f"SELECT COUNT(*), SUM(1000000 {div} amount) FROM usage_events WHERE {here} AND kind = 701 AND amount > 0",
        "operations": f"SELECT kind, COUNT(*), SUM(amount), SUM(CASE WHEN extra <> 0 THEN 1 ELSE 0 END) FROM usage_events WHERE workspace = 0 AND {span} AND kind BETWEEN 800 AND 804 GROUP BY kind",
        "latency": f"SELECT extra, SUM(amount) FROM usage_events WHERE workspace = 0 AND {span} AND kind = 803 GROUP BY extra",
        "errors": f"SELECT {day} AS day, SUM(amount) FROM usage_events WHERE workspace = 0 AND {span} AND kind = 804 GROUP BY day",
    }
    # A word of its own to DuckDB.
    return {name: re.sub(r"\bat\b", '"at"', statement) for name, statement in asked.items()}


def measure(name, statements, run):
    """How long all of them take, one after another, and what each answers, in order."""
    rounds, slowest, answers = [], ("", 0.0), {}
    while len(rounds) < ROUNDS and sum(rounds) < PATIENCE:
        took = 0.0
        for question, statement in statements.items():
            began = time.perf_counter()
            rows = run(statement)
            seconds = time.perf_counter() - began
            took += seconds
            if seconds > slowest[1]:
                slowest = (question, seconds)
            answers[question] = sorted(tuple(int(value or 0) for value in row) for row in rows)
        rounds.append(took)
    engine = {"name": name, "questions": len(statements), "ms": statistics.median(rounds) * 1000, "slowest": f"{slowest[0]}, {slowest[1] * 1000:.0f} ms"}
    return engine, answers


def copied(duck, lite, path):
    """DuckDB's own copy of the events; what is there already is kept."""
    columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(COLUMNS, TYPES))
    duck.execute(f"CREATE TABLE IF NOT EXISTS usage_events ({columns})")
    newest, count = duck.execute("SELECT COALESCE(MAX(seq), 0), COUNT(*) FROM usage_events").fetchone()
    if lite.execute("SELECT COUNT(*) FROM usage_events WHERE seq <= ?", (newest,)).fetchone()[0] != count:
        duck.execute("DELETE FROM usage_events")
        newest = 0
    rows = lite.execute(f"SELECT {', '.join(COLUMNS)} FROM usage_events WHERE seq > ? ORDER BY seq", (newest,))
    between = path + ".csv"
    try:
        with open(between, "w", newline="") as file:
            csv.writer(file).writerows(rows)
        if os.path.getsize(between) > 0:
            types = ", ".join(f"'{name}': '{kind}'" for name, kind in zip(COLUMNS, TYPES))
            duck.execute(f"INSERT INTO usage_events SELECT * FROM read_csv('{between}', header = false, columns = {{{types}}})")
            duck.execute("CHECKPOINT")
    finally:
        os.remove(between)


def main(database, path, first, last, zone, workspaces):
    first, last = int(first), int(last)
    engines, skipped = [], []
    lite = sqlite3.connect(database)
    lite.execute("PRAGMA query_only = 1")
    lite.execute("PRAGMA cache_size = -500000")
    lite.execute("PRAGMA mmap_size = 4000000000")
    lite.execute("PRAGMA temp_store = MEMORY")
    engine, answers = measure(f"SQLite {sqlite3.sqlite_version}", questions(first, last, zone, workspaces, "/"), lambda sql: lite.execute(sql).fetchall())
    engines.append(engine)
    try:
        import duckdb
    except ImportError as error:
        skipped.append(f"DuckDB is left out: {error}. Its package on PyPI is duckdb.")
    else:
        duck = duckdb.connect(path)
        copied(duck, lite, path)
        engine, same = measure(f"DuckDB {duckdb.__version__}", questions(first, last, zone, workspaces, "//"), lambda sql: duck.execute(sql).fetchall())
        engines.append(engine)
        for question, rows in answers.items():
            if rows != same[question]:
                sys.exit(f"{question}: SQLite says {rows[:5]} and DuckDB {same[question][:5]}")
    totals = {row[0]: row[1] for row in answers["totals"]}
    counts = [totals.get(kind, 0) for kind in (100, 101, 212, 700)]
    json.dump({"engines": engines, "counts": counts, "skipped": skipped}, sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
