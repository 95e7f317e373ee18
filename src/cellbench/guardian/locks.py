"""Locks on equipment, for all users of a host: a flock on a file that says who holds it.

The kernel ends a dead holder's flock, so nothing is ever broken by force and no file is ever removed. The
file's content is the holder's own account: who, since when, and what it may have left on. Descriptors are
closed on exec; a forked child has the lock as its parent has it, and what either releases is free for all.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from cellbench.base.errors import RigError
from cellbench.guardian.errors import EquipmentHeld
from cellbench.guardian.log import utc_text

_MODE = 0o666


@dataclass(frozen=True, slots=True)
class Use:
    """What one leased slot may have left on at a piece of equipment.

    ``contacts`` are pairs of pin and the state that releases it (False: open).
    """

    slot: str
    outputs: tuple[int, ...] = ()
    contacts: tuple[tuple[int, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock, as the holder wrote it. ``identity``: what the instrument says it is."""

    user: str
    pid: int
    run: str
    since_utc_ns: int
    runtime_dir: str
    identity: str = ""
    uses: tuple[Use, ...] = ()

    def describe(self) -> str:
        """For a message."""
        run = f"run {self.run}" if self.run else "no run at the moment"
        return f"user {self.user}, pid {self.pid}, {run}, since {utc_text(self.since_utc_ns)}"

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        uses = [
            {
                "slot": use.slot,
                "outputs": list(use.outputs),
                "contacts": [list(pair) for pair in use.contacts],
            }
            for use in self.uses
        ]
        return {
            "user": self.user,
            "pid": self.pid,
            "run": self.run,
            "since_utc_ns": self.since_utc_ns,
            "since": utc_text(self.since_utc_ns),
            "runtime_dir": self.runtime_dir,
            "identity": self.identity,
            "uses": uses,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Owner:
        """The reverse of to_json."""
        uses = cast(list[Mapping[str, object]], data.get("uses", []))
        return cls(
            user=str(data["user"]),
            pid=cast(int, data["pid"]),
            run=str(data["run"]),
            since_utc_ns=cast(int, data["since_utc_ns"]),
            runtime_dir=str(data["runtime_dir"]),
            identity=str(data.get("identity", "")),
            uses=tuple(
                Use(
                    str(use["slot"]),
                    tuple(cast(list[int], use["outputs"])),
                    tuple((pin, closed) for pin, closed in cast(list[tuple[int, bool]], use["contacts"])),
                )
                for use in uses
            ),
        )


class Lock:
    """A lock that is held; ``before`` is the account of a holder that died, None when the last one left."""

    __slots__ = ("_descriptor", "before", "key")

    def __init__(self, key: str, descriptor: int, before: Owner | None) -> None:
        self.key = key
        self.before = before
        self._descriptor = descriptor

    @classmethod
    def take(cls, directory: Path, key: str, what: str, owner: Owner) -> Lock:
        """Lock the equipment ``key``; EquipmentHeld names who holds ``what`` and since when."""
        descriptor = open_shared(directory / file_name(key, ".lock"))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _read(descriptor)
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise RigError(f"{what} cannot be locked: {error.strerror}") from error
            by = holder.describe() if holder else "a process that has not said who it is"
            raise EquipmentHeld(
                f"{what} ({key}) is held by {by}", remedy="wait until it is given back"
            ) from error
        before = _read(descriptor)
        lock = cls(key, descriptor, before)
        # what a dead holder left on stays on record until the new one has seen to it
        lock.write(replace(owner, identity=before.identity, uses=before.uses) if before else owner)
        return lock

    def write(self, owner: Owner) -> None:
        """Say who holds it and what may be on; on disk when this returns."""
        data = json.dumps(owner.to_json()).encode()
        os.pwrite(self._descriptor, data.ljust(os.fstat(self._descriptor).st_size), 0)
        os.ftruncate(self._descriptor, len(data))
        os.fsync(self._descriptor)

    def release(self, *, keep_account: bool = False) -> None:
        """Give it back; ``keep_account`` leaves word of what could not be made safe."""
        if self._descriptor < 0:
            return
        if not keep_account:
            os.ftruncate(self._descriptor, 0)
        # said, not left to the close: a program being started just now still has a copy of the descriptor
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
        self._descriptor = -1


def read_account(directory: Path, key: str) -> Owner | None:
    """What the holder of a key has written, or left behind; None when nothing is left."""
    descriptor = open_shared(directory / file_name(key, ".lock"))
    try:
        return _read(descriptor)
    finally:
        os.close(descriptor)


def holder_of(directory: Path, key: str, table: Path = Path("/proc/locks")) -> tuple[bool, Owner | None]:
    """Whether somebody holds a key now, and what its last holder has written; takes nothing, makes nothing.

    The kernel's table of locks tells (proc(5), /proc/locks): trying the lock could refuse it to another.
    """
    path = directory / file_name(key, ".lock")
    try:
        facts = path.stat()
        account = path.read_bytes()
        rows = table.read_text().splitlines()
    except OSError:
        return False, None
    held = any(
        words[1] == "FLOCK" and words[5].endswith(f":{facts.st_ino}")
        for words in (row.split() for row in rows)
        if len(words) > 5 and words[1] != "->"
    )
    try:
        return held, Owner.from_json(json.loads(account))
    except (ValueError, KeyError, TypeError):
        return held, None


def file_name(key: str, suffix: str) -> str:
    """A file's name for a key: readable, and different for different keys."""
    readable = re.sub(r"[^A-Za-z0-9.\-]+", "_", key).strip("_")[:80]
    return f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:12]}{suffix}"


def open_shared(path: Path) -> int:
    """A file in the locks' directory that every user of the host may open; made when it is missing.

    Opened without O_CREAT first: with fs.protected_regular set, the kernel refuses O_CREAT on another
    user's file in a sticky directory (proc_sys_fs(5)).
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        for _ in range(3):
            try:
                return os.open(path, flags)
            except FileNotFoundError:
                try:
                    descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, _MODE)
                except FileExistsError:
                    continue
                os.fchmod(descriptor, _MODE)  # the umask has taken bits away
                return descriptor
    except OSError as error:
        raise RigError(
            f"{path} cannot be opened: {error.strerror}",
            remedy=f"it must be readable and writable for everybody: chmod 666 {path}",
        ) from error
    raise RigError(f"{path} comes and goes", remedy="nobody may remove files of the locks' directory")


def _read(descriptor: int) -> Owner | None:
    try:
        return Owner.from_json(json.loads(os.pread(descriptor, 1 << 20, 0)))
    except (ValueError, KeyError, TypeError):
        return None  # empty, or half written at this instant
