"""The DTE's side of the multiplexer, written by hand from octets: what judges the module's end.

Nothing here comes from the code under test: the check octet is a division of polynomials, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from cellbench.catalogue.model import Series

SABM, UA, DM, DISC, UIH, UI = 0x3F, 0x73, 0x1F, 0x53, 0xEF, 0x03


def check(covered: bytes) -> int:
    """27.010 annex B by long division: bits least first, the first eight inverted, divided by
    x^8 + x^2 + x + 1; the octet sent is the inverted remainder, its highest power first on the line."""
    bits = [octet >> place & 1 for octet in covered for place in range(8)] + [0] * 8
    for place in range(8):
        bits[place] ^= 1
    divisor = (1, 0, 0, 0, 0, 0, 1, 1, 1)
    for place in range(len(bits) - 8):
        if bits[place]:
            for offset, bit in enumerate(divisor):
                bits[place + offset] ^= bit
    return sum((1 - bit) << place for place, bit in enumerate(bits[-8:]))


def frame(dlci: int, control: int, info: bytes = b"", *, cr: int = 1) -> bytes:
    """A frame; the DTE's commands have C/R 1."""
    head = bytes([dlci << 2 | cr << 1 | 1, control])
    size = len(info)
    head += bytes([size << 1 | 1]) if size < 128 else bytes([size << 1 & 0xFF, size >> 7])
    covered = head + info if control & 0xEF == UI else head
    return b"\xf9" + head + info + bytes([check(covered)]) + b"\xf9"


def frames(octets: bytes) -> list[tuple[int, int, int, bytes]]:
    """Undamaged frames one after another: DLCI, C/R, control, information."""
    found = []
    place = 0
    while place < len(octets):
        assert octets[place] == 0xF9, octets[place:].hex(" ")
        if octets[place + 1] == 0xF9:
            place += 1
            continue
        size, at = octets[place + 3] >> 1, place + 4
        if not octets[place + 3] & 1:
            size, at = size | octets[place + 4] << 7, place + 5
        address, control = octets[place + 1], octets[place + 2]
        info = octets[at:at + size]
        covered = octets[place + 1:at] + (info if control & 0xEF == UI else b"")
        assert octets[at + size] == check(covered), octets[place:].hex(" ")
        assert octets[at + size + 1] == 0xF9
        found.append((address >> 2, address >> 1 & 1, control, info))
        place = at + size + 2
    return found


class Dte:
    """The host on a module's UART in multiplexer mode."""

    def __init__(self, driven: Any) -> None:
        self.driven = driven
        self.control: list[bytes] = []
        """Messages of DLCI 0 from the module."""
        self.answers: list[tuple[int, int]] = []
        """UA, DM and the module's own DISC: DLCI and control."""
        self.heard: dict[int, bytes] = {}

    def send(self, octets: bytes, seconds: float = 0.02) -> None:
        """Octets on the line, and what comes of them."""
        self.driven.send(octets)
        self.take(seconds)

    def take(self, seconds: float = 0.02) -> None:
        """Let time pass and sort what the module sent."""
        if seconds:
            self.driven.run(seconds)
        octets = bytes(self.driven.uart)
        self.driven.uart.clear()
        for dlci, cr, control, info in frames(octets):
            if control & 0xEF in (UA & 0xEF, DM & 0xEF):
                assert cr == 1, "a response of the responder has C/R 1"
                self.answers.append((dlci, control))
            elif control == DISC:
                assert cr == 0, "a command of the responder has C/R 0"
                self.answers.append((dlci, control))
            elif dlci == 0:
                assert (cr, control) == (0, UIH)
                self.control.append(info)
            else:
                assert (cr, control) == (0, UIH)
                self.heard[dlci] = self.heard.get(dlci, b"") + info

    def start(self, line: str = "AT+CMUX=0,0,,64", *channels: int) -> None:
        """Enter the mode and open channels; the module's own MSC are answered."""
        assert self.driven.at(line) == ["OK"]
        self.driven.run(0.25)
        self.send(frame(0, SABM))
        assert self.answers == [(0, UA)]
        for dlci in channels:
            self.open(dlci)
        self.answers.clear()

    def open(self, dlci: int) -> None:
        """SABM, UA, and both MSC."""
        self.answers.clear()
        self.send(frame(dlci, SABM))
        assert self.answers == [(dlci, UA)]
        mine = bytes([0xE3, 0x05, dlci << 2 | 3, 0x8D])  # command MSC, 2 octets: RTC, RTR, DV
        self.send(frame(0, UIH, bytes([0xE1, 0x05, dlci << 2 | 3, 0x0D])))  # the answer to the module's
        self.send(frame(0, UIH, mine))
        assert bytes([0xE1]) + mine[1:] in self.control
        self.control.clear()

    def say(self, dlci: int, data: bytes, seconds: float = 0.02) -> None:
        """Data on a channel."""
        self.send(frame(dlci, UIH, data), seconds)

    def at(self, dlci: int, line: str, seconds: float = 30.0) -> list[str]:
        """A command on a channel (echo off) and its answer."""
        self.heard.pop(dlci, None)
        self.say(dlci, line.encode() + b"\r")

        def done() -> bool:
            self.take(0)
            lines = self.heard.get(dlci, b"").split(b"\r\n")
            return len(lines) > 1 and any(one in (b"OK", b"ERROR", b"NO CARRIER") or b"ERROR: " in one
                                          for one in lines[:-1])

        self.driven.until(done, seconds)
        return [one for one in self.heard.pop(dlci).decode().split("\r\n") if one]


@pytest.fixture
def dte(module: Any) -> Dte:
    """The host of a registered module of each series, still in AT mode."""
    return Dte(module)


@pytest.fixture
def dte_of(driven: Callable[..., Any]) -> Callable[..., Dte]:
    """``dte_of(series, setting=value)``: the host of a module with settings."""

    def make(series: Series, **settings: object) -> Dte:
        one = driven(series, **settings)
        one.ready()
        return Dte(one)

    return make


@pytest.fixture
def hand() -> SimpleNamespace:
    """The hand's own encoder and its control octets, for tests without a module."""
    return SimpleNamespace(frame=frame, frames=frames, SABM=SABM, UA=UA, DM=DM, DISC=DISC, UIH=UIH, UI=UI)
