"""What is leased now, kept on disk so that a successor can make safe what a dead guardian left on.

Written before a lease is granted, taken out after its slot is safe. Secrets are kept as references.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from cellbench.base.errors import RigError
from cellbench.guardian.plan import EquipmentPlan, InstrumentPlan, SlotPlan

log = logging.getLogger(__name__)

STATE = "leased.json"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Held:
    """One leased slot. ``identities``: instrument name → what it answered when it was opened.

    ``failed_utc_ns``: when it first could not be made safe, 0 while that has not been tried.
    """

    slot: SlotPlan
    equipment: EquipmentPlan
    run: str
    user: str
    worker_pid: int
    controller_pid: int
    since_utc_ns: int
    identities: Mapping[str, str] = field(default_factory=dict)
    failed_utc_ns: int = 0

    def to_json(self) -> dict[str, object]:
        """As a JSON object without secrets."""
        return {
            "slot": self.slot.to_json(),
            "equipment": self.equipment.without_secrets().to_json(),
            "run": self.run,
            "user": self.user,
            "worker_pid": self.worker_pid,
            "controller_pid": self.controller_pid,
            "since_utc_ns": self.since_utc_ns,
            "identities": dict(self.identities),
            "failed_utc_ns": self.failed_utc_ns,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Held:
        """The reverse of to_json."""
        return cls(
            slot=SlotPlan.from_json(cast(Mapping[str, object], data["slot"])),
            equipment=EquipmentPlan.from_json(cast(Mapping[str, object], data["equipment"])),
            run=str(data["run"]),
            user=str(data["user"]),
            worker_pid=cast(int, data["worker_pid"]),
            controller_pid=cast(int, data["controller_pid"]),
            since_utc_ns=cast(int, data["since_utc_ns"]),
            identities=cast(Mapping[str, str], data["identities"]),
            failed_utc_ns=cast(int, data["failed_utc_ns"]),
        )


class StateFile:
    """The leased slots of one runtime directory."""

    __slots__ = ("_path",)

    def __init__(self, place: Path) -> None:
        self._path = place / STATE

    def load(self) -> tuple[Held, ...]:
        """What a guardian before left; a file that cannot be read is set aside under another name."""
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            if data["schema"] != _SCHEMA:
                raise ValueError(f"schema {data['schema']}")
            return tuple(Held.from_json(entry) for entry in data["held"])
        except FileNotFoundError:
            return ()
        except (ValueError, KeyError, TypeError, RigError) as error:
            aside = self._path.with_suffix(".unreadable")
            self._path.replace(aside)
            log.error("%s could not be read (%s); kept as %s", self._path, error, aside.name)
            return ()

    def save(self, held: Iterable[Held]) -> None:
        """Replace the file; on disk when this returns."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump({"schema": _SCHEMA, "held": [entry.to_json() for entry in held]}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def with_secrets(name: str, plan: InstrumentPlan) -> InstrumentPlan:
    """A stored plan with its secrets fetched again; RigError when one is not to be had."""
    settings = dict(plan.settings)
    for key, where in plan.secrets.items():
        if "env" in where:
            found = os.environ.get(where["env"])
        else:
            try:
                found = Path(where["file"]).expanduser().read_text(encoding="utf-8").partition("\n")[0]
            except OSError:
                found = None
        if found is None:
            raise RigError(
                f"instrument {name}: its {key} is not to be had any more ({', '.join(where.values())})"
            )
        settings[key] = found
    return replace(plan, settings=settings)
