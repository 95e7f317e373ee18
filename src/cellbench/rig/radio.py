"""The rig's analyser or power meter, as procedures see it."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.base.errors import NotPossible
from cellbench.guardian.client import GuardianClient
from cellbench.instruments.analyser.model import Peak
from cellbench.instruments.kinds import InstrumentClass, find_kind
from cellbench.rig.schema import RigFile


@dataclass(frozen=True, slots=True)
class RadioMeter:
    """One analyser or power meter; each measurement sets frequency and span anew, in one request."""

    name: str
    guardian: GuardianClient

    def peak(self, frequency_hz: float, span_hz: float) -> Peak:
        """One sweep and its highest signal: frequency in hertz, power in dBm.

        NotPossible for a power meter, RigError when the instrument refuses or does not answer.
        """
        return self.guardian.peak(self.name, frequency_hz, span_hz)

    def power_dbm(self, frequency_hz: float) -> float:
        """The power at a frequency, in dBm."""
        return self.guardian.power_dbm(self.name, frequency_hz)


def radio_meter(model: RigFile, guardian: GuardianClient) -> RadioMeter:
    """The rig's analyser; NotPossible when it has none, or more than one."""
    names = [name for name, settings in model.instruments.items()
             if find_kind(settings.kind).serves is InstrumentClass.ANALYSER]
    if len(names) != 1:
        what = f"has {len(names)} analysers ({', '.join(names)})" if names else "has no analyser"
        raise NotPossible(f"rig {model.rig} {what}",
                          remedy="name one of an `analyser.` kind under instruments")
    return RadioMeter(names[0], guardian)
