#!/usr/bin/env python3
"""generate.py SEED FOLDER: writes traces.jsonl and labels.tsv, made from tasks.txt beside this file; the same for the same seed.

Goals are as they were written; steps, users, outcomes and times are drawn. Each user has one of three names for a tool."""
import json
import pathlib
import random
import sys
from datetime import datetime, timedelta, timezone

TOOLS = {
    "read": ["read_file", "fs.open", "document_reader"], "write": ["write_file", "doc.save", "create_document"],
    "sql": ["run_query", "warehouse.select", "db"], "code_edit": ["edit_code", "apply_patch", "editor.replace"],
    "code_search": ["grep", "search_code", "symbol_find"], "run": ["bash", "execute_command", "terminal.run"],
    "schedule": ["cron", "scheduler.add", "dag_create"], "chat": ["slack_message", "post_chat", "teams.send"],
    "web": ["web_search", "fetch_url", "internet.lookup"], "browser": ["playwright", "browser_open", "page.visit"],
    "image": ["image_tool", "picture.make", "vision"], "sheet": ["spreadsheet", "google_sheets", "xlsx.write"],
    "ads": ["ads_manager", "campaigns.upload", "google_ads"], "mail": ["email", "smtp.send", "gmail"],
    "git": ["git_cli", "github", "vcs"], "cloud": ["aws_cli", "cloud.describe", "console"],
    "python": ["python_exec", "notebook.run", "code_interpreter"], "plot": ["chart", "matplotlib", "plot.draw"],
    "tracker": ["jira", "issues.create", "linear"], "tickets": ["zendesk", "helpdesk.api", "ticket_system"],
    "search": ["kb_search", "find_docs", "elastic.query"], "classify": ["classifier", "label_items", "llm.classify"],
    "payments": ["stripe", "payment.refund", "billing_api"], "hr": ["workday", "hr_system", "personio.get"],
    "calendar": ["calendar", "gcal.events", "schedule_lookup"], "maps": ["maps", "geo.route", "directions"],
    "booking": ["book_trip", "travel.reserve", "amadeus"], "metrics": ["grafana", "prometheus_query", "monitor.read"],
    "generate": ["llm_generate", "compose", "model.write"], "summarise": ["summarize", "llm.digest", "condense"],
}
LLM = {"generate", "summarise", "classify"}
USERS = ["u-ana", "u-bo", "u-cem", "u-dora", "u-eli", "u-fay", "u-gus"]


def blocks(text):
    for block in text.split("\n== ")[1:]:
        lines = [line for line in block.splitlines() if line.strip()]
        yield lines[0].split(), lines[1:]


def steps_of(line):
    for part in line.split(" | "):
        tool, given = part.split(": ", 1)
        words = given.split()
        yield tool, " ".join(word for word in words if word not in "?+"), "?" in words, "+" in words


def main():
    draw = random.Random(int(sys.argv[1]))
    folder = pathlib.Path(sys.argv[2])
    named = {(user, tool): draw.choice(names) for user in USERS for tool, names in TOOLS.items()}
    # Some agents tell of a step what is typical of it, others only what it was done to.
    telling = {user: draw.uniform(0.1, 0.7) for user in USERS}
    all_tasks = list(blocks(pathlib.Path(__file__).with_name("tasks.txt").read_text(encoding="utf-8")))
    skills = {head[0]: head[2] for head, _ in all_tasks if len(head) > 1}
    rows = []
    for head, lines in all_tasks:
        name = head[0]
        if name == "-":
            one_off = [list(steps_of(line)) for line in lines if line.split(":")[0] in TOOLS and ": " in line]
            goals = [line for line in lines if not (line.split(":")[0] in TOOLS and ": " in line)]
        else:
            goals = lines[1:]
        for goal in goals:
            entity = goal[goal.index("[") + 1:goal.index("]")] if "[" in goal else " ".join(goal.split()[:4])
            goal = goal.replace("[", "").replace("]", "")
            if draw.random() < 0.3:
                entity = " ".join(goal.split()[:draw.randint(3, 5)])
            user = draw.choice(USERS)
            plan = draw.choice(one_off) if name == "-" else list(steps_of(lines[0]))
            steps, used = [], []
            for tool, given, optional, repeats in plan:
                if draw.random() < (0.45 if optional else 0.12):
                    continue
                told = given.replace("{e}", entity) if draw.random() < telling[user] else entity
                kind = "llm" if tool in LLM else "tool"
                for _ in range(1 + (repeats and draw.random() < 0.5) + (repeats and draw.random() < 0.2)):
                    outcome = "error" if draw.random() < 0.08 else "skipped" if draw.random() < 0.03 else "ok"
                    names = TOOLS[tool] if draw.random() < 0.15 else [named[user, tool]]
                    steps.append({"name": draw.choice(names), "kind": kind, "input": told, "outcome": outcome})
            if name != "-":
                if draw.random() < 0.4:
                    skill = head[2] if draw.random() < 0.85 else skills[head[3]]
                    used.append(skill)
                    steps.insert(draw.randint(0, len(steps)), {"name": skill, "kind": "skill", "input": entity, "outcome": "ok"})
                if draw.random() < 0.3:
                    tool = draw.choice(sorted(TOOLS))
                    steps.insert(draw.randint(0, len(steps)), {"name": named[user, tool], "kind": "tool", "input": entity, "outcome": "ok"})
                if len(steps) > 2 and draw.random() < 0.3:
                    at = draw.randrange(len(steps) - 1)
                    steps[at], steps[at + 1] = steps[at + 1], steps[at]
            success = draw.random() >= (0.1 if name == "-" else float(head[1]))
            if not success and steps:
                steps[-1]["outcome"] = "error"
                steps = steps[:max(1, draw.randint(len(steps) // 2, len(steps)))]
            for step in steps:
                step["duration_ms"] = draw.randint(100, 30_000)
            rows.append((name, {"goal": goal, "user": user, "steps": steps, "success": success,
                                "rating": draw.choice([None, None, 2, 3, 4, 5, 5]), "skills_used": used}))
    draw.shuffle(rows)
    at = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
    with open(folder / "traces.jsonl", "w", encoding="utf-8") as traces, open(folder / "labels.tsv", "w", encoding="utf-8") as labels:
        for number, (name, row) in enumerate(rows):
            at += timedelta(minutes=draw.randint(5, 400))
            end = at + timedelta(milliseconds=sum(step["duration_ms"] for step in row["steps"]))
            form = "%Y-%m-%dT%H:%M:%SZ"
            row = {"id": f"e{number:04}", **row, "started_at": at.strftime(form), "ended_at": end.strftime(form),
                   "tokens_in": 0, "tokens_out": 0, "cost_usd": 0.0}
            traces.write(json.dumps(row, ensure_ascii=False) + "\n")
            labels.write(f"{row['id']}\t{name}\n")


if __name__ == "__main__":
    main()
