"""The virtual rack: modules wired to a supply, relay boards, UART adapters and a USB tree.

One asyncio loop carries everything; there is no thread per slot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cellbench.base.protocols import ServerPark

from .device.config import Timing
from .slots import SlotSpec


class RunningPark(ServerPark, Protocol):
    """A park of servers that the rack starts and stops."""

    async def start(self, definitions: Mapping[str, object]) -> None:
        """Bring up the servers of the world file's ``servers`` on free loopback ports."""
        ...

    async def stop(self) -> None:
        """End them all."""
        ...


ParkFactory = Callable[[], RunningPark]


@dataclass(frozen=True, slots=True)
class RackPlan:
    """What a rack shall be: slots, directory, pace, seed of everything random."""

    slots: tuple[SlotSpec, ...]
    directory: Path
    timing: Timing = Timing.FAST
    seed: int = 0
