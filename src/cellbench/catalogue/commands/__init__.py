"""Every AT command the framework knows, by name, with parameters, times and sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cellbench.catalogue.model import Command

from . import (
    calls,
    control,
    device,
    firmware,
    general,
    lwm2m,
    messaging,
    network,
    packet,
    security,
    sim,
    sms,
    sockets,
    storage,
    usb,
    web,
)

__all__ = ["ALL", "collect", "lookup"]

_CHAPTERS = (
    general, control, device, network, packet, sim, sms, calls, sockets, storage, security, web, messaging,
    lwm2m, usb, firmware,
)


def collect(commands: Iterable[Command]) -> Mapping[str, Command]:
    """Commands by name; ValueError for a name declared twice."""
    table: dict[str, Command] = {}
    for one in commands:
        if one.name in table:
            raise ValueError(f"the command {one.name} is declared twice")
        table[one.name] = one
    return MappingProxyType(table)


ALL: Mapping[str, Command] = collect(one for chapter in _CHAPTERS for one in chapter.COMMANDS)
"""All commands by name without AT: "+CGDCONT", "E", "&K", "I", "D", "S"."""


def lookup(name: str) -> Command | None:
    """The command of a name in any case ("+cgdcont", "&k"), None when the catalogue has none."""
    return ALL.get(name.upper())
