"""What the guardian did without being asked: which run died, when, and what was made safe."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast


class Cause(enum.Enum):
    """Why a lease ended."""

    RELEASED = "released"  # by the run itself; never an incident
    CONNECTION_LOST = "connection lost"
    WORKER_DIED = "worker died"
    CONTROLLER_DIED = "controller died"
    GUARDIAN_DIED = "guardian died"
    GUARDIAN_STOPPED = "guardian stopped"


@dataclass(frozen=True, slots=True)
class Incident:
    """One slot that was made safe because its run could not do so.

    ``utc_ns`` is when the guardian learnt of it, ``safe_after_s`` the seconds from then until the last
    read-back agreed; None and ``safe`` False when an instrument could not be reached.
    """

    run: str
    slot: str
    cause: Cause
    user: str
    worker_pid: int
    controller_pid: int
    utc_ns: int
    safe: bool
    safe_after_s: float | None
    actions: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        return {
            "run": self.run,
            "slot": self.slot,
            "cause": self.cause.value,
            "user": self.user,
            "worker_pid": self.worker_pid,
            "controller_pid": self.controller_pid,
            "utc_ns": self.utc_ns,
            "safe": self.safe,
            "safe_after_s": self.safe_after_s,
            "actions": list(self.actions),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Incident:
        """The reverse of to_json."""
        return cls(
            run=str(data["run"]),
            slot=str(data["slot"]),
            cause=Cause(data["cause"]),
            user=str(data["user"]),
            worker_pid=cast(int, data["worker_pid"]),
            controller_pid=cast(int, data["controller_pid"]),
            utc_ns=cast(int, data["utc_ns"]),
            safe=bool(data["safe"]),
            safe_after_s=cast("float | None", data["safe_after_s"]),
            actions=tuple(cast(list[str], data["actions"])),
        )


def slots_left(incidents: Iterable[Incident]) -> dict[str, dict[str, str]]:
    """run → slot → ``off`` or ``on``: the state in which the guardian left the slots of runs that died."""
    left: dict[str, dict[str, str]] = {}
    for incident in incidents:
        left.setdefault(incident.run, {})[incident.slot] = "off" if incident.safe else "on"
    return left
