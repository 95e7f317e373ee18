"""What the procedures on the UARTs share: settings that are afterwards as they were, lines with patience."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from cellbench.api import Channel, Dut, NotPossible

LINE_S = 10.0
QUIET_S = 0.25


def uart_of(dut: Dut) -> Channel:
    """The main UART's channel, answering; NotPossible on a slot without."""
    if "uart" not in dut.slot.roles():
        raise NotPossible(f"slot {dut.slot.name} has no UART", remedy="name it under ports")
    uart = dut.port("uart")
    uart.sync(10.0)
    return uart


@contextmanager
def flag(channel: Channel, name: str, value: int) -> Iterator[None]:
    """A setting of V.250 (&K, &C, &S, X) for the block; afterwards what AT&V showed, else as at delivery."""
    shown = re.search(rf"{re.escape(name)}:?(\d+)", " ".join(channel.send("AT&V", check=False).info))
    before = int(shown[1]) if shown else channel.profile.factory.get(name, 0)
    channel.send(f"AT{name}{value}")
    try:
        yield
    finally:
        channel.send(f"AT{name}{before}")


def is_on(channel: Channel, line: str, on: bool) -> bool:
    """True when a line has the level, or comes to it in time."""
    return channel.wait_line(line, on, LINE_S)
