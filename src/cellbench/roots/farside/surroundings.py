"""What a far side may use of the bench that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cellbench.base.errors import NotPossible
from cellbench.base.protocols import FarSide, Prompter
from cellbench.rig.dut import Dut


class Bystander(Protocol):
    """What a run lends to its far sides."""

    def module(self, slot: str) -> Dut:
        """The module of another slot, on and registered; NotPossible when another process has the slot."""
        ...

    def prompter(self) -> Prompter:
        """The way to the person."""
        ...

    def attenuate(self, slot: str, instrument: str, channel: int, decibel: float) -> None:
        """Set an attenuator of the rig, through the lease of ``slot``."""
        ...


class Nobody:
    """The surroundings of a far side outside a run."""

    def module(self, slot: str) -> Dut:
        """Always raises NotPossible."""
        raise NotPossible(f"slot {slot} can act only within a run")

    def prompter(self) -> Prompter:
        """Always raises NotPossible."""
        raise NotPossible("a person can be asked only within a run")

    def attenuate(self, slot: str, instrument: str, channel: int, decibel: float) -> None:
        """Always raises NotPossible."""
        raise NotPossible(f"the attenuator {instrument} can be set only within a run")


@dataclass(frozen=True, slots=True)
class Scene:
    """What the driver of another package is given: the slot, its settings, and what it may use."""

    slot: str
    number: str | None
    settings: Mapping[str, object]
    bystander: Bystander


Maker = Callable[[Scene], FarSide]
"""What an entry point of the group ``cellbench.far_sides`` names."""


def lacks(slot: str, what: str, why: str, remedy: str = "") -> NotPossible:
    """The error of a far side that cannot do something."""
    return NotPossible(f"the far side of slot {slot} cannot {what}: {why}", remedy=remedy)
