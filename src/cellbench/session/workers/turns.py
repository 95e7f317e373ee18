"""What the slots of a run share is taken in turn: the far side's servers, an analyser, an attenuator, a hub.

A procedure that needs ``far-side:server`` disturbs servers: those that it names in ``depends_on`` (the
resolver, which nearly all name, aside), or all when it names none. It runs while no other slot's procedure
depends on a service of that kind. So does one that needs ``far-side:report``: a server tells of its last
client, whoever that was. Procedures that do neither run beside each other. A procedure that
``uses`` a class of instruments has those of the rig for itself. Turns are kernel locks on files in the run's
folder: first come, first served, and a worker that dies leaves none behind. Who waits too long is told who
has it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cellbench.base.errors import NotPossible, RigError
from cellbench.rig.schema import RigFile, ServicesFarSide
from cellbench.session.procedure import Procedure

DISTURBS = "far-side:server"
_ASKS = "far-side:report"
_REMOTE = "far-side:remote-"
_SERVICES = "services"
_RESOLVER = "dn"
_BEHIND = MappingProxyType({"mqttsn": "mqtt"})  # a gateway is no better than the broker behind it


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that a procedure takes its turn at; ``alone`` False: beside others of that mind."""

    name: str
    alone: bool


def hangs_on_rig(marked: Procedure | None) -> bool:
    """True when a procedure's turns hang on what only the launched rack's own file states."""
    if marked is None:
        return False
    return bool(marked.uses) or any(name.startswith(_REMOTE) for name in marked.needs)


def turns_for(model: RigFile, slot: str, marked: Procedure | None) -> tuple[Turn, ...]:
    """What a procedure takes its turn at, in the order in which everybody takes it; NotPossible when the
    rig has no instrument of a class that it uses."""
    if marked is None:
        return ()
    found = []
    for wanted in marked.uses:
        names = [name for name, settings in model.instruments.items()
                 if settings.kind.partition(".")[0] == wanted]
        if not names:
            raise NotPossible(f"rig {model.rig} has no {wanted}", remedy=f"name one of a `{wanted}.` kind "
                                                                          "under instruments")
        found += [Turn(f"instrument-{name}", True) for name in names]
    kinds = {_kind(name) for name in marked.depends_on if name.startswith("service:")}
    own = kinds - {_RESOLVER}
    if _must_be_told_apart(model, slot, marked) or (DISTURBS in marked.needs and not own):
        found.append(Turn(_SERVICES, True))
    elif kinds:
        alone = own if {DISTURBS, _ASKS} & set(marked.needs) else frozenset()
        behind = {_BEHIND[kind] for kind in kinds if kind in _BEHIND} - kinds
        found.append(Turn(_SERVICES, False))
        found += [Turn(f"service-{kind}", kind in alone) for kind in kinds | behind]
    return tuple(sorted(set(found), key=lambda turn: turn.name))


def _kind(dependency: str) -> str:
    """Roles that are one server, or may be: "service:https-client" is of the kind "http"."""
    return dependency.removeprefix("service:").partition("-")[0].removesuffix("s")


def _must_be_told_apart(model: RigFile, slot: str, marked: Procedure) -> bool:
    """True when a far side knows the slot's connections only by nobody else having any."""
    by_servers = any(isinstance(far, ServicesFarSide) for far in model.far_sides_of(slot))
    return by_servers and any(name.startswith(_REMOTE) for name in marked.needs)


@contextlib.contextmanager
def take_turns(folder: Path, turns: Sequence[Turn], owner: str, limit_s: float) -> Iterator[None]:
    """Hold what ``turns`` name; RigError that names the owner when one is not had within ``limit_s``
    seconds (0: wait for ever)."""
    until = time.monotonic() + limit_s if limit_s else None
    with contextlib.ExitStack() as held:
        for turn in turns:
            held.enter_context(_hold(folder, turn, owner, limit_s, until))
        yield


@contextlib.contextmanager
def _hold(folder: Path, turn: Turn, owner: str, limit_s: float, until: float | None) -> Iterator[None]:
    mode = fcntl.LOCK_EX if turn.alone else fcntl.LOCK_SH
    # who waits to be alone holds the gate meanwhile, so that those beside each other cannot go on for ever
    gate = _locked(_path(folder, turn.name, "gate"), fcntl.LOCK_EX, until)
    try:
        descriptor = None if gate is None else _locked(_path(folder, turn.name, "lock"), mode, until)
    finally:
        if gate is not None:
            os.close(gate)
    if descriptor is None:
        raise RigError(
            f"{turn.name.removeprefix('instrument-')} was not free within {limit_s:g} s: "
            f"{_owners(folder, turn.name)} has it",
            remedy="see what that procedure waits for, or give it a shorter deadline",
        )
    note = _path(folder, turn.name, f"by-{os.getpid()}")
    try:
        note.write_text(json.dumps([owner, time.time()]), encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path, mode: int, until: float | None) -> int | None:
    """The descriptor of a file that is locked; None when it was not to be had in time.

    The kernel serves who waits in order, but waits for ever: in a thread of its own, which closes what nobody
    waits for any more.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    waiting = _Waiting(descriptor, mode)
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        return descriptor
    except BlockingIOError:
        threading.Thread(target=waiting.run, name="turn", daemon=True).start()
    except BaseException:
        os.close(descriptor)
        raise
    try:
        waiting.done.wait(None if until is None else max(0.0, until - time.monotonic()))
    except BaseException:
        if waiting.settle():
            os.close(descriptor)
        raise
    return descriptor if waiting.settle() else None


class _Waiting:
    """A wait for a lock that can be given up."""

    __slots__ = ("_descriptor", "_given_up", "_lock", "_mode", "done")

    def __init__(self, descriptor: int, mode: int) -> None:
        self._descriptor = descriptor
        self._mode = mode
        self._lock = threading.Lock()
        self._given_up = False
        self.done = threading.Event()

    def run(self) -> None:
        """Wait; close a lock that comes too late."""
        fcntl.flock(self._descriptor, self._mode)
        with self._lock:
            if self._given_up:
                os.close(self._descriptor)
            self.done.set()

    def settle(self) -> bool:
        """True when the lock was granted; otherwise it is given up, and the thread closes it."""
        with self._lock:
            self._given_up = not self.done.is_set()
            return not self._given_up


def _path(folder: Path, name: str, part: str) -> Path:
    return folder / f"turn-{name}.{part}"


def _owners(folder: Path, name: str) -> str:
    found = []
    for note in sorted(folder.glob(f"turn-{name}.by-*")):
        if not Path("/proc", note.name.rpartition("-")[2]).exists():
            continue  # it died, its lock with it
        try:
            owner, since = json.loads(note.read_bytes())
        except (OSError, ValueError):
            continue
        found.append(f"{owner}, for {time.time() - since:.0f} s,")
    return " and ".join(found) or "who waited before"
