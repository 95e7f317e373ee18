"""Pins of an FTDI chip with MPSSE, by pyftdi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cellbench.base.errors import RigError
from cellbench.base.extras import optional
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.settings import FtdiSettings
from cellbench.instruments.settings import checked

if TYPE_CHECKING:
    from cellbench.instruments.line.ftdi_board import FtdiLines

KIND = "line.ftdi"


def _opener(name: str, settings: Mapping[str, object]) -> FtdiLines:
    stated = checked(FtdiSettings, KIND, name, settings)
    with optional("ftdi", f"instrument {name} ({KIND})", RigError):
        from cellbench.instruments.line.ftdi_board import FtdiLines
    return FtdiLines(name, stated)


def _equipment(settings: Mapping[str, object]) -> str:
    return f"ftdi:{str(settings['url']).lower()}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    return None, None


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.LINE, settings=FtdiSettings, open=_opener, equipment=_equipment,
    pins=_pins, models=("FTDI FT232H", "FT2232H", "FT4232H", "FT2232D"),
    source="FTDI AN_108, Command Processor for MPSSE, 3.6; pyftdi 0.55 or later",
    abilities=frozenset({Ability.DRIVE, Ability.READ_BACK, Ability.INPUTS, Ability.LETS_GO}),
    doubts="an open contact in open-drain mode is an input, so its read-back is the level at the pin"),)
