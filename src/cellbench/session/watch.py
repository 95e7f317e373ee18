"""What a run's journals say while they are written: titles, and the step that each slot is at.

The controller of a distributed run sees no step of its workers by pytest's own events; their journals
have it, and are read on from where they were left.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path

_WANTED = (b'"kind":"step"', b'"kind":"attempt.', b'"kind":"run.facts"')


@dataclass(slots=True)
class _Attempt:
    """An attempt under way; ``steps`` are those begun and not ended, by index."""

    slot: str
    steps: dict[int, str] = field(default_factory=dict)


class JournalWatch:
    """Follows the journals in a run's folder; ``look`` reads what is new."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        self._attempts: dict[str, _Attempt] = {}
        self._lock = threading.Lock()
        self.titles: dict[str, str] = {}

    def look(self) -> None:
        """Read on in every journal; one that cannot be read has nothing new."""
        with self._lock:
            for path in self._folder.glob("journal*.jsonl"):
                self._read_on(path)

    def step(self, slot: str) -> str:
        """The innermost step under way on a slot, "" for none."""
        for attempt in list(self._attempts.values()):
            if attempt.slot == slot and attempt.steps:
                return attempt.steps.get(max(attempt.steps, default=-1), "")
        return ""

    def _read_on(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                new = file.read()
        except OSError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._read[path] = self._read.get(path, 0) + len(whole)
        for line in whole.splitlines():
            if any(kind in line[:120] for kind in _WANTED):
                record = json.loads(line)
                self._take(record["kind"], record["data"])

    def _take(self, kind: str, data: dict[str, object]) -> None:
        name = str(data.get("attempt", ""))
        if kind == "run.facts":
            procedures = data.get("procedures") or ()
            for entry in procedures if isinstance(procedures, list) else ():
                self.titles[entry["id"]] = entry["title"]
        elif kind == "attempt.started":
            self._attempts[name] = _Attempt(str(data.get("slot", "")))
        elif kind == "attempt.ended":
            self._attempts.pop(name, None)
        elif name in self._attempts:
            index, steps = int(str(data["index"])), self._attempts[name].steps
            if data.get("duration_s") is None:
                steps[index] = str(data["name"])
            else:
                steps.pop(index, None)
