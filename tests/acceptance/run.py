"""Every bar of the project with its figure: one script for each bar, by subject.

A script has ``SUBJECT``, ``BAR`` (what the bar says, in a line), optionally ``SOAK = True`` (too long for
every day), and ``main() -> list[dict]`` with the keys what, goal, figure, met. ``--soak`` runs the long
forms, too; ``--only NAME`` one script. The rows are printed and kept in docs/figures.json, each script's with
its date, machine and versions, in place of those of its last run; docs/figures.md shows them all.
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
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "figures.md"
KEPT = ROOT / "docs" / "figures.json"
LIMIT_S = 5400


def scripts(subject: str | None, soak: bool, only: str | None = None) -> list[Path]:
    """The scripts to run, in the order of their names."""
    found = []
    for path in sorted(HERE.glob("*.py")):
        facts = _facts(path)
        if only is not None:
            found += [path] if path.stem == only and "SUBJECT" in facts else []
            continue
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


def keep(path: Path, rows: list[dict[str, object]], soak: bool, took_s: float) -> None:
    """Put a script's rows in place of those of its last run of the same length."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    versions = {name: importlib.metadata.version(name) for name in ("cellbench", "pytest", "pytest-xdist")}
    kept[path.stem + (" (soak)" if soak else "")] = {
        "subject": _facts(path)["SUBJECT"],
        "bar": _facts(path).get("BAR", ""),
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "took_s": round(took_s),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}",
        "versions": {"Python": platform.python_version(), **versions},
        "rows": [{**{key: str(row[key]) for key in ("what", "goal", "figure")}, "met": bool(row["met"])}
                 for row in rows],
    }
    KEPT.write_text(json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(kept))


def page(kept: dict[str, dict[str, Any]]) -> str:
    """docs/figures.md: a section for each subject, a table for each script."""
    lines = ["# Figures", "",
             "Written by `make acceptance` and `make soak`: what was measured against each goal, when and on",
             "what.", ""]
    for subject in sorted({str(entry["subject"]) for entry in kept.values()}, reverse=True):
        lines += [f"## {subject}", ""]
        for name, entry in sorted(kept.items()):
            if entry["subject"] != subject:
                continue
            versions = ", ".join(f"{one} {version}" for one, version in entry["versions"].items())
            took = f", {entry['took_s']} s" if entry["took_s"] else ""
            lines += [f"### {name}", "", *([f"{entry['bar']}", ""] if entry["bar"] else []),
                      f"{entry['date']} UTC{took}; {entry['machine']}; {versions}", "",
                      "| what | goal | figure | met |", "|-|-|-|-|"]
            for row in entry["rows"]:
                cells = (row["what"], row["goal"], row["figure"], "yes" if row["met"] else "**no**")
                plain = (" ".join(str(cell).replace("|", "/").split()) for cell in cells)
                lines.append(f"| {' | '.join(plain)} |")
            lines.append("")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run, print, write; 1 when a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject")
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--only", metavar="NAME", help="one script")
    parser.add_argument("--no-page", action="store_true", help="leave the figures in docs as they are")
    arguments = parser.parse_args(argv)
    met = True
    chosen = scripts(arguments.subject, arguments.soak, arguments.only)
    if not chosen:
        print("no script for that subject", file=sys.stderr)
        return 2
    for path in chosen:
        print(f"{path.stem} ...", file=sys.stderr, flush=True)
        began = time.monotonic()
        rows = run(path, arguments.soak)
        for row in rows:
            met = met and bool(row["met"])
            word = "met    " if row["met"] else "NOT MET"
            print(f"  {word} {row['what']}: {row['figure']} (goal {row['goal']})", flush=True)
        if not arguments.no_page:
            keep(path, rows, arguments.soak, time.monotonic() - began)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
