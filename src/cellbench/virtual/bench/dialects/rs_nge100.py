"""Rohde & Schwarz NGE100, played as an NGE103B (three channels, 32 V, 3 A)."""

from __future__ import annotations

from collections.abc import Sequence

from ..output import SupplyOutput
from ..scpi import PLAIN
from .model import Bank, Family, Instrument, Rating
from .rs import Manner, RsSupply, settings

MANNER = Manner(lambda value: f"{value:.3f}", lambda value: f"{value:.3f}", PLAIN, delay_unit_s=1.0,
                delay_max=10.0, fuse_clear=True, trip_word="TRIPped")


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    identity = f"Rohde&Schwarz,{family.model},5601.3800k03/10{serial:04d},1.54"
    return RsSupply(identity, Bank(family.ratings, outputs, settings), MANNER).scpi


FAMILY = Family(
    "rs-nge100", "NGE103B", (Rating(32.0, 3.0, 0.01, 0.001, 32.5),) * 3, build,
    "R&S NGE100B user manual, remote control, as remembered; rules of responses from the R&S NGA100 user "
    "manual 5601.8919.02-03, annex A (the same family of commands)")
