"""Rohde & Schwarz (Hameg) HMP series, played as an HMP4040 (four channels, 32 V, 10 A).

A fuse that has blown has no clear command; switching the channel on again mends it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..output import SupplyOutput
from ..scpi import Style
from .model import Bank, Family, Instrument, Rating
from .rs import Manner, RsSupply, settings

STYLE = Style(error=lambda code, text: f'{code}, "{text}"')
MANNER = Manner(lambda value: f"{value:.3f}", lambda value: f"{value:.4f}", STYLE, delay_unit_s=0.001,
                delay_max=250.0, fuse_clear=False, trip_word="TRIPed")


def build(family: Family, serial: int, outputs: Sequence[SupplyOutput]) -> Instrument:
    """One instrument."""
    identity = f"ROHDE&SCHWARZ,{family.model},10{serial:04d},HW50020003/SW2.70"
    return RsSupply(identity, Bank(family.ratings, outputs, settings), MANNER).scpi


FAMILY = Family(
    "rs-hmp", "HMP4040", (Rating(32.05, 10.01, 0.001, 0.0002, 32.5),) * 4, build,
    "R&S HMP Series SCPI Programmers Manual 5800576002, version 01; FUSE:TRIPed from it, forms of numbers "
    "as remembered")
