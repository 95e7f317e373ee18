"""The far side that a rig file names, as one object per slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.errors import NotPossible, RigError
from cellbench.base.protocols import FarSide
from cellbench.rig.load import LoadedRig
from cellbench.rig.schema import VirtualFarSide


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


@dataclass(slots=True)
class ControlledFarSide:
    """A rack's control room."""

    slot: str
    directory: Path
    _verbs: frozenset[str] | None = None

    def act(self, verb: str, **values: str) -> None:
        """Do it and return when it is done; NotPossible with the rack's sentence when it cannot."""
        self._ask(verb, values)

    def report(self, what: str, **values: str) -> Mapping[str, str]:
        """Facts that the rack saw."""
        return self._ask("report", {"what": what, **values})

    def can(self, verb: str) -> bool:
        """True when the rack lists the verb."""
        if self._verbs is None:
            answer = self._request("list", {})
            self._verbs = frozenset(line.split()[0] for line in answer.splitlines() if line.strip())
        return verb in self._verbs

    def _ask(self, verb: str, values: Mapping[str, str]) -> Mapping[str, str]:
        lines = self._request(verb, values).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def _request(self, verb: str, values: Mapping[str, str]) -> str:
        from cellbench.virtual.control.client import request

        try:
            answer = request(self.directory, verb, values, slot=self.slot)
        except OSError as error:
            raise RigError(f"the far side in {self.directory} does not answer: {error}") from None
        if not answer.get("ok"):
            raise NotPossible(str(answer.get("error", f"the far side refused {verb}")))
        return str(answer.get("text") or "")


def far_side(rig: LoadedRig, slot: str) -> FarSide:
    """The far side of one slot."""
    chosen = rig.model.far_side
    if isinstance(chosen, VirtualFarSide) and chosen.control is not None:
        return ControlledFarSide(slot, Path(chosen.control))
    return NoFarSide(slot)
