"""No far side, and several of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from cellbench.base.errors import NotPossible
from cellbench.base.protocols import FarSide

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NoFarSide:
    """Nothing makes the network act: every verb is a gap in coverage."""

    slot: str

    def act(self, verb: str, **values: str) -> None:
        """Always raises NotPossible."""
        raise NotPossible(
            f"the far side of slot {self.slot} cannot do {verb}", remedy="name a far_side in the rig file"
        )

    def report(self, what: str, **values: str) -> Mapping[str, str]:
        """Always raises NotPossible."""
        raise NotPossible(
            f"the far side of slot {self.slot} cannot report {what}", remedy="name a far_side in the rig file"
        )

    def can(self, verb: str) -> bool:
        """Never."""
        return False

    def why_not(self, verb: str) -> str:
        """There is none."""
        return "the rig file names no far side"


@dataclass(frozen=True, slots=True)
class SeveralFarSides:
    """Far sides asked in their order: what one cannot do is offered to the next."""

    slot: str
    of: tuple[FarSide, ...]

    def act(self, verb: str, **values: str) -> None:
        """By the first that can; NotPossible with the reasons of all that were asked."""
        self._first(verb, f"do {verb}", lambda one: one.act(verb, **values))

    def report(self, what: str, **values: str) -> Mapping[str, str]:
        """From the first that can; NotPossible with the reasons of all that were asked."""
        return self._first("report", f"report {what}", lambda one: one.report(what, **values))

    def can(self, verb: str) -> bool:
        """True when any of them knows the verb."""
        return any(one.can(verb) for one in self.of)

    def why_not(self, verb: str) -> str:
        """The reasons of all."""
        return ", and ".join(dict.fromkeys(one.why_not(verb) for one in self.of))

    def _first(self, verb: str, what: str, work: Callable[[FarSide], T]) -> T:
        reasons = []
        for one in self.of:
            if not one.can(verb):
                continue
            try:
                return work(one)
            except NotPossible as error:  # it had not begun: a verb is refused before anything is done
                reasons.append(str(error))
        told = "; ".join(dict.fromkeys(reasons))
        raise NotPossible(told or f"no far side of slot {self.slot} can {what}")
