"""Every bar of the project with its figure: one script for each bar, by subject.

A script has ``SUBJECT``, ``BAR`` (what the bar says, in a line), optionally ``SOAK = True`` (too long for
every day), and ``main() -> list[dict]`` with the keys what, goal, figure, met. ``--soak`` runs the long
forms, too. The table is printed and written to docs/figures.md with date, machine and versions.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "figures.md"
LIMIT_S = 5400


def scripts(subject: str | None, soak: bool) -> list[Path]:
    """The scripts to run, in the order of their names."""
    found = []
    for path in sorted(HERE.glob("*.py")):
        facts = _facts(path)
        if "SUBJECT" not in facts or (subject and facts["SUBJECT"] != subject):
            continue
        if facts.get("SOAK") and not soak:
            continue
        found.append(path)
    return found


def _facts(path: Path) -> dict[str, object]:
    facts = {}
    for node in ast.parse(path.read_text()).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        ):
            facts[node.targets[0].id] = node.value.value
    return facts


def run(path: Path, soak: bool) -> list[dict[str, object]]:
    """One script in a process of its own; its rows."""
    code = (
        "import json, runpy, sys; "
        f"space = runpy.run_path({str(path)!r}); "
        "print('\\n' + json.dumps({'rows': space['main']()}, default=str))"
    )
    environment = {**os.environ, "CELLBENCH_SOAK": "1" if soak else ""}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [{"what": path.stem, "goal": f"ends in {LIMIT_S} s", "figure": "did not end", "met": False}]
    for line in reversed(done.stdout.splitlines()):
        try:
            rows = json.loads(line)["rows"]
        except (ValueError, KeyError, TypeError):
            continue
        return list(rows)
    tail = (done.stderr.strip().splitlines() or ["no output"])[-1]
    return [{"what": path.stem, "goal": "runs", "figure": tail, "met": False}]


def table(rows: list[tuple[str, dict[str, object]]]) -> list[str]:
    """The rows as a Markdown table."""
    lines = ["| subject | what | goal | figure | met |", "|-|-|-|-|-|"]
    for subject, row in rows:
        cells = (subject, row["what"], row["goal"], row["figure"], "yes" if row["met"] else "**no**")
        lines.append("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")
    return lines


def page(rows: list[tuple[str, dict[str, object]]], took_s: float) -> str:
    """docs/figures.md."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("cellbench", "pytest", "pytest-xdist")
    )
    head = [
        "# Figures",
        "",
        "Written by `make acceptance` (and `make soak`); every row is one bar of the project.",
        "",
        f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {took_s / 60:.0f} min",
        f"- machine: {os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}",
        f"- versions: Python {platform.python_version()}, {versions}",
        "",
    ]
    return "\n".join([*head, *table(rows), ""])


def main(argv: list[str] | None = None) -> int:
    """Run, print, write; 1 when a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject")
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--no-page", action="store_true", help="leave docs/figures.md as it is")
    arguments = parser.parse_args(argv)
    began, rows = time.monotonic(), []
    chosen = scripts(arguments.subject, arguments.soak)
    if not chosen:
        print("no script for that subject", file=sys.stderr)
        return 2
    for path in chosen:
        subject = str(_facts(path)["SUBJECT"])
        print(f"{path.stem} ...", file=sys.stderr, flush=True)
        for row in run(path, arguments.soak):
            rows.append((subject, row))
            word = "met    " if row["met"] else "NOT MET"
            print(f"  {word} {row['what']}: {row['figure']} (goal {row['goal']})", flush=True)
    if not arguments.no_page and not arguments.subject:
        PAGE.write_text(page(rows, time.monotonic() - began))
        print(f"written: {PAGE.relative_to(ROOT)}")
    return 0 if all(row["met"] for _, row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
