"""Open an instrument by kind and settings; what is not there is a RigError that says which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from cellbench.base.errors import RigError
from cellbench.instruments.analyser.model import Analyser
from cellbench.instruments.attenuator.model import Attenuator
from cellbench.instruments.flasher.model import Flasher
from cellbench.instruments.hub.model import Hub
from cellbench.instruments.kinds import InstrumentClass, InstrumentKind, find_kind
from cellbench.instruments.line.model import LineBoard
from cellbench.instruments.supply.model import Supply


def open_supply(kind: str, settings: Mapping[str, object], *, name: str = "") -> Supply:
    """Open a supply and check its identification.

    ``settings`` are those of the kind's settings model without ``kind``, secrets as text. ``name`` is
    the instrument's name in the rig file, for messages.
    """
    return cast(Supply, _of_class(kind, InstrumentClass.SUPPLY).open(name or kind, settings))


def open_lines(kind: str, settings: Mapping[str, object], *, name: str = "") -> LineBoard:
    """Open a line board; as open_supply."""
    return cast(LineBoard, _of_class(kind, InstrumentClass.LINE).open(name or kind, settings))


def open_hub(kind: str, settings: Mapping[str, object], *, name: str = "") -> Hub:
    """Open a hub with switched ports; as open_supply."""
    return cast(Hub, _of_class(kind, InstrumentClass.HUB).open(name or kind, settings))


def open_analyser(kind: str, settings: Mapping[str, object], *, name: str = "") -> Analyser:
    """Open an analyser or power meter; as open_supply."""
    return cast(Analyser, _of_class(kind, InstrumentClass.ANALYSER).open(name or kind, settings))


def open_attenuator(kind: str, settings: Mapping[str, object], *, name: str = "") -> Attenuator:
    """Open a step attenuator; as open_supply."""
    return cast(Attenuator, _of_class(kind, InstrumentClass.ATTENUATOR).open(name or kind, settings))


def open_flasher(kind: str, settings: Mapping[str, object], *, name: str = "") -> Flasher:
    """Reach a flashing tool; as open_supply."""
    return cast(Flasher, _of_class(kind, InstrumentClass.FLASHER).open(name or kind, settings))


def equipment_key(kind: str, settings: Mapping[str, object]) -> str:
    """The key under which the equipment is locked on a host (VISA resource, host and port)."""
    return find_kind(kind).equipment(settings)


def _of_class(kind: str, wanted: InstrumentClass) -> InstrumentKind:
    found = find_kind(kind)
    if found.serves is not wanted:
        raise RigError(f"instrument kind {kind} is a {found.serves.value}, not a {wanted.value}")
    return found
