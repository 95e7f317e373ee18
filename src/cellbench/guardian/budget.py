"""The attach budget: how often one SIM may meet one network, counted on disk across runs and users.

Network operators ban SIMs that attach too often. A token bucket per SIM and network: every attach,
detach, +CFUN cycle, power-on and reboot takes a token, tokens come back at a steady rate. The file lies
in the locks' directory, for it belongs to the SIM and not to a user.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from cellbench.base.clock import SYSTEM_CLOCK, Clock
from cellbench.base.errors import OperatorError
from cellbench.guardian import paths
from cellbench.guardian.locks import file_name, open_shared
from cellbench.guardian.log import utc_text

_SCHEMA = 1
_NS_PER_HOUR = 3_600_000_000_000


class BudgetExhausted(OperatorError):
    """No token is left; the message says when the next one comes."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What the file holds: tokens at one instant, and what was ever spent, by cause."""

    tokens: float
    utc_ns: int
    spent: Mapping[str, int] = field(default_factory=dict)

    def at(self, utc_ns: int, capacity: int, refill_per_hour: float) -> Bucket:
        """The bucket at a later instant; a clock set back gains nothing."""
        gained = max(0, utc_ns - self.utc_ns) * refill_per_hour / _NS_PER_HOUR
        return Bucket(min(float(capacity), self.tokens + gained), utc_ns, self.spent)

    def less(self, cause: str) -> Bucket:
        """One token taken."""
        return Bucket(self.tokens - 1.0, self.utc_ns, {**self.spent, cause: self.spent.get(cause, 0) + 1})


class AttachBudget:
    """The budget of one SIM on one network (base.protocols.AttachBudget)."""

    __slots__ = ("_capacity", "_clock", "_network", "_path", "_refill_per_hour", "_sim")

    def __init__(
        self,
        path: Path,
        *,
        sim: str,
        network: str,
        capacity: int,
        refill_per_hour: float,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._path = path
        self._sim = sim
        self._network = network
        self._capacity = capacity
        self._refill_per_hour = refill_per_hour
        self._clock = clock

    @classmethod
    def open(
        cls,
        *,
        sim: str,
        network: str,
        capacity: int,
        refill_per_hour: float,
        directory: Path | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> AttachBudget:
        """The budget of ``sim`` (ICCID, or its name in the rig file) on ``network`` (PLMN or APN).

        ``capacity`` tokens at most, ``refill_per_hour`` come back in an hour; a SIM never seen before has
        them all. ``directory`` defaults to that of the locks.
        """
        path = paths.lock_dir(directory) / file_name(f"sim:{sim}@{network}", ".budget")
        return cls(
            path, sim=sim, network=network, capacity=capacity, refill_per_hour=refill_per_hour, clock=clock
        )

    def spend(self, cause: str) -> None:
        """Take one token for ``cause``; BudgetExhausted says when the next one comes."""
        with self._locked() as descriptor:
            bucket = self._read(descriptor)
            if bucket.tokens < 1.0:
                raise self._exhausted(bucket, cause)
            self._write(descriptor, bucket.less(cause))

    def left(self) -> int:
        """Whole tokens that are there now."""
        return max(0, math.floor(self._now().tokens))

    def spent(self) -> Mapping[str, int]:
        """How often a token was ever taken, by cause."""
        return self._now().spent

    def _now(self) -> Bucket:
        with self._locked() as descriptor:
            return self._read(descriptor)

    def _exhausted(self, bucket: Bucket, cause: str) -> BudgetExhausted:
        wait_ns = round((1.0 - bucket.tokens) * _NS_PER_HOUR / self._refill_per_hour)
        return BudgetExhausted(
            f"attach budget of SIM {self._sim} on network {self._network} is used up, no {cause} now; at "
            f"most {self._capacity} in a row and {self._refill_per_hour:g} an hour; the next token comes at "
            f"{utc_text(bucket.utc_ns + wait_ns)} (in {wait_ns / 1e9:.0f} s)",
            remedy="wait, or raise attach_budget in the rig file if the operator of the network allows it",
        )

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = open_shared(self._path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int) -> Bucket:
        data = os.pread(descriptor, 65536, 0)
        now = self._clock.utc_ns()
        if not data.strip():
            return Bucket(float(self._capacity), now)
        try:
            stored = json.loads(data)
            bucket = Bucket(
                float(stored["tokens"]), int(stored["utc_ns"]), cast(Mapping[str, int], stored["spent"])
            )
            if not math.isfinite(bucket.tokens):
                raise ValueError("tokens")
        except (ValueError, KeyError, TypeError):
            return Bucket(0.0, now)  # torn by a crash: what was spent is not known, so nothing is left
        return bucket.at(now, self._capacity, self._refill_per_hour)

    def _write(self, descriptor: int, bucket: Bucket) -> None:
        data = json.dumps(
            {
                "schema": _SCHEMA,
                "sim": self._sim,
                "network": self._network,
                "tokens": bucket.tokens,
                "utc_ns": bucket.utc_ns,
                "spent": dict(bucket.spent),
            }
        ).encode()
        os.pwrite(descriptor, data.ljust(os.fstat(descriptor).st_size), 0)  # blanks over what was longer
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
