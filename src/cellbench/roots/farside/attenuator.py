"""A step attenuator as the far side: good, weak or no coverage by decibels in the antenna's path.

``coverage state=normal|weak|lost`` sets the attenuation that the rig file gives for the state. ``link
state=blocked|ok`` is its lost and normal state: user data stands still, and connections stay for as long as
the module takes to give its registration up. ``network state=lost|found`` is the same, waited for by the
procedure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cellbench.rig.schema import AttenuatorFarSide
from cellbench.roots.farside.surroundings import Bystander, lacks

_STATES: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "coverage": MappingProxyType({"normal": "normal", "weak": "weak", "lost": "lost"}),
    "link": MappingProxyType({"ok": "normal", "blocked": "lost"}),
    "network": MappingProxyType({"found": "normal", "lost": "lost"}),
})


@dataclass(frozen=True, slots=True)
class AttenuatorDriver:
    """One channel of an attenuator."""

    slot: str
    settings: AttenuatorFarSide
    bystander: Bystander

    def act(self, verb: str, **values: str) -> None:
        """Set the attenuation of a state; NotPossible for what attenuation does not bring about."""
        coverage = _STATES.get(verb, {}).get(values.get("state", "")) if set(values) == {"state"} else None
        if coverage is None:
            asked = " ".join((verb, *(f"{key}={value}" for key, value in values.items())))
            raise lacks(self.slot, asked, self.why_not(verb),
                        "it does coverage state=normal|weak|lost, link state=ok|blocked, "
                        "network state=found|lost")
        decibel = {"normal": self.settings.normal_db, "weak": self.settings.weak_db,
                   "lost": self.settings.lost_db}[coverage]
        self.bystander.attenuate(self.slot, self.settings.on, self.settings.channel, decibel)

    def report(self, what: str, **values: str) -> Mapping[str, str]:
        """NotPossible: an attenuator sees nothing."""
        raise lacks(self.slot, f"report {what}", "an attenuator sees nothing")

    def can(self, verb: str) -> bool:
        """coverage, link and network."""
        return verb in _STATES

    def why_not(self, verb: str) -> str:
        """It changes coverage alone."""
        return "attenuation brings about no such thing"
