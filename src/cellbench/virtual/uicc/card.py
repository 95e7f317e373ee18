"""The card: its files, PINs and keys, and its sessions with their logical channels."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from cellbench.virtual.uicc import access, fcp
from cellbench.virtual.uicc.access import Operation
from cellbench.virtual.uicc.aka import Aka
from cellbench.virtual.uicc.apdu import Command, Refused, Reply, Sw, exact
from cellbench.virtual.uicc.files import Df, Ef
from cellbench.virtual.uicc.pins import Pins

BASIC = 0
MAX_CHANNELS = 3
"""Beside the basic one, for terminals that do not tell of more (11.1.17.1)."""
ATR = bytes.fromhex("3B9F96801FC78031A073BE21136743200718000001A5")
"""Answer to reset: T=0 first, logical channels, and the historical bytes of a USIM (6.3, annex D)."""


@dataclass(slots=True)
class Channel:
    """One logical channel (8.7): current directory, EF, record pointer (0: not set) and application."""

    number: int
    df: Df
    ef: Ef | None = None
    record: int = 0
    application: Df | None = None

    def enter(self, file: Df | Ef) -> None:
        """Select a file: an EF makes its directory the current one (8.4.1)."""
        self.record = 0
        if isinstance(file, Ef):
            self.df, self.ef = file.parent, file
        else:
            self.df, self.ef = file, None


@dataclass(slots=True)
class Toolkit:
    """What the terminal told of itself, and the proactive commands that wait (TS 102 223)."""

    profile: bytes = b""
    waiting: list[bytes] = field(default_factory=list)
    responses: list[bytes] = field(default_factory=list)


class Card:
    """One UICC. Its files, PINs and sequence numbers outlive its sessions.

    ``channels``: logical channels beside the basic one; ``memory``: what it says is free, in bytes;
    ``iso_select``: SELECT with P2 = 00 is answered as with 04 (the standard refuses it: table 11.2);
    ``entropy`` makes the bytes of GET CHALLENGE. ``pending``: data that wait for GET RESPONSE;
    ``applet``: what hears the envelopes.
    """

    def __init__(self, master: Df, pins: Pins, aka: Aka | None, *, channels: int = MAX_CHANNELS,
                 memory: int = 0, iso_select: bool = False,
                 entropy: Callable[[int], bytes] = os.urandom) -> None:
        self.master = master
        self.pins = pins
        self.aka = aka
        self.limit = channels
        self.memory = memory
        self.iso_select = iso_select
        self.entropy = entropy
        self.toolkit = Toolkit()
        self.channels: dict[int, Channel] = {}
        self.pending = b""
        self.applet: Callable[[bytes], None] | None = None
        self.reset()

    def reset(self) -> bytes:
        """A new card session (6.2): one channel, the MF selected, nothing verified. The answer to reset."""
        self.channels = {BASIC: Channel(BASIC, self.master)}
        self.pins.reset()
        self.toolkit = Toolkit(waiting=self.toolkit.waiting)
        self.pending = b""
        return ATR

    def private(self) -> Channel:
        """A channel that no command can name: what the terminal does for itself between others' commands."""
        return Channel(-1, self.master)

    def require(self, ef: Ef, operation: Operation) -> None:
        """Refused 6984 for a deactivated file, 6982 unless its rule lets the operation pass (9.2.4)."""
        if not ef.active and operation is not Operation.ACTIVATE:
            raise Refused(Sw.REFERENCED_INVALID)
        if not access.allowed(self._rule(ef), operation, self.pins.satisfied):
            raise Refused(Sw.SECURITY)

    def _rule(self, ef: Ef) -> bytes:
        place: Df | None = ef.parent
        while place is not None:
            rules = place.child(ef.parent.inner)
            if isinstance(rules, Ef):
                return rules.read(ef.rule) if 0 < ef.rule <= rules.records else b""
            place = place.parent
        return b""

    def template(self, file: Df | Ef) -> bytes:
        """The FCP template of a file as it is now."""
        return fcp.template(file, self.pins.enabled, self.memory)


def exactly(command: Command, data: bytes) -> Reply:
    """Data for the terminal; Refused 6CXX when it expects another length (7.3.1.1.3)."""
    if command.expected != len(data) and (data or command.p3):
        raise Refused(exact(len(data)))
    return Reply(data)
