"""The far side of a virtual rack: its control room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.errors import NotPossible, RigError


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

    def why_not(self, verb: str) -> str:
        """Its control room has no such verb."""
        return "the virtual rack has no such verb"

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
