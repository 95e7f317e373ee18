"""Lines of a GPIO chip of this host, by the official bindings of libgpiod v2 (kernel GPIO uAPI v2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cellbench.base.errors import RigError
from cellbench.base.extras import optional
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.settings import GpiodSettings
from cellbench.instruments.settings import checked

if TYPE_CHECKING:
    from cellbench.instruments.line.gpiod_board import GpiodLines

KIND = "line.gpiod"


def _opener(name: str, settings: Mapping[str, object]) -> GpiodLines:
    stated = checked(GpiodSettings, KIND, name, settings)
    with optional("gpio", f"instrument {name} ({KIND})", RigError):
        from cellbench.instruments.line.gpiod_board import GpiodLines
    return GpiodLines(name, stated)


def _equipment(settings: Mapping[str, object]) -> str:
    return f"gpio:{settings.get('chip', GpiodSettings.model_fields['chip'].default)}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    return None, None


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.LINE, settings=GpiodSettings, open=_opener, equipment=_equipment,
    pins=_pins, models=("any GPIO chip with a driver of the Linux kernel (Raspberry Pi, SBCs, expanders)",),
    source="libgpiod 2, Python bindings; Linux userspace-api/gpio/chardev.rst (uAPI v2)",
    abilities=frozenset({Ability.DRIVE, Ability.READ_BACK, Ability.INPUTS, Ability.LETS_GO}),
    doubts="never run on a chip: requests are tested at the edge of the bindings, errors on real nodes"),)
