"""How long procedures took in the last runs, for a guess at the time left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_RUNS = 4
_FORCED_END = frozenset({"ABORTED", "ERROR"})


def durations(results: Path, own: Path) -> Mapping[tuple[str, str], float]:
    """(procedure, slot) → seconds in the newest of the last runs that judged it; ``own`` is left out."""
    found: dict[tuple[str, str], float] = {}
    folders = sorted((path for path in results.glob("*/journal.jsonl") if path.parent != own), reverse=True)
    for path in reversed(folders[:_RUNS]):
        try:
            lines = path.read_bytes().splitlines()
        except OSError:
            continue
        for line in lines:
            if b'"kind":"attempt.ended"' in line[:120]:
                _take(line, found)
    return found


def _take(line: bytes, found: dict[tuple[str, str], float]) -> None:
    try:
        data = json.loads(line)["data"]
        if data["verdict"]["outcome"] not in _FORCED_END:
            found[str(data["procedure"]), str(data["slot"])] = float(data["duration_s"])
    except (ValueError, KeyError, TypeError):
        return  # a torn line tells nothing
