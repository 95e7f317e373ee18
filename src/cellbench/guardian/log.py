"""The guardian's own words: a log for people, and the incidents for the next run's report.

A log line is ``<UTC> <monotonic ns> <text>``; both files are bounded.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from cellbench.base.clock import SYSTEM_CLOCK, Clock
from cellbench.base.errors import RigError
from cellbench.guardian import paths
from cellbench.guardian.incident import Incident, slots_left

log = logging.getLogger(__name__)

LOG = "guardian.log"
INCIDENTS = "incidents.jsonl"
_LOG_BYTES = 1_000_000
_INCIDENTS_KEPT = 1000


def utc_text(utc_ns: int) -> str:
    """An instant as people read it, to the millisecond."""
    return datetime.fromtimestamp(utc_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class GuardianLog:
    """Appends to guardian.log and incidents.jsonl of one runtime directory."""

    __slots__ = ("_clock", "_incidents", "_log")

    def __init__(self, place: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        self._log = place / LOG
        self._incidents = place / INCIDENTS
        self._clock = clock

    def write(self, text: str) -> None:
        """One line; a full disk must not keep the guardian from its work."""
        stamp = f"{utc_text(self._clock.utc_ns())} {int(self._clock.monotonic() * 1e9)}"
        try:
            if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
                self._log.replace(self._log.with_suffix(".log.1"))
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{stamp} {' '.join(text.splitlines())}\n")
        except OSError as error:
            log.error("%s (%s could not be written: %s)", text, self._log, error)

    def incident(self, incident: Incident) -> None:
        """One incident, on disk when this returns."""
        try:
            self._bound_incidents()
            with self._incidents.open("a", encoding="utf-8") as file:
                file.write(_line(incident))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.error("%s could not be written: %s", self._incidents, error)

    def _bound_incidents(self) -> None:
        known = read_incidents(self._incidents.parent)
        if len(known) >= 2 * _INCIDENTS_KEPT:
            fresh = self._incidents.with_suffix(".new")
            fresh.write_text("".join(_line(old) for old in known[-_INCIDENTS_KEPT:]), encoding="utf-8")
            fresh.replace(self._incidents)


def read_incidents(place: Path, since_utc_ns: int = 0) -> tuple[Incident, ...]:
    """The incidents of a runtime directory, oldest first; a line torn by a crash is left out."""
    try:
        lines = (place / INCIDENTS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    found = []
    for line in lines:
        try:
            found.append(Incident.from_json(json.loads(line)))
        except (ValueError, KeyError):
            continue
    return tuple(incident for incident in found if incident.utc_ns >= since_utc_ns)


def slots_left_here() -> dict[str, dict[str, str]]:
    """run → slot → ``off`` or ``on``, as this user's guardian left them; asks no process and starts none."""
    try:
        return slots_left(read_incidents(paths.runtime_dir()))
    except RigError:
        return {}  # the directory is not this user's: no guardian of this user has run


def _line(incident: Incident) -> str:
    return json.dumps(incident.to_json()) + "\n"
