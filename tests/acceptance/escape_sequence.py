"""Bar: +++ leaves data mode exactly when the guides say so, and no other byte of the data is lost or added.

Random pieces of data and plus signs with random pauses, on a clock that jumps, through a UART in data mode
of each series; beside it a model of the guides' words: 2 s of silence before (LENA-R8 guide 5.8.2), at most
500 ms between the plus signs, which stand alone (LARA-R6 guide 9.1.4), silence behind them.
"""

from __future__ import annotations

import asyncio
import importlib.util
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from cellbench.catalogue.model import Form, Series
from cellbench.virtual.device.config import Timing
from cellbench.virtual.device.module import Input
from cellbench.virtual.front.context import Call, CommandContext, DataEnd, DataLink
from cellbench.virtual.front.state import Move

SUBJECT = "connectivity"
BAR = "The escape sequence +++ is recognised only as the guides say, over random timings on a virtual clock."
SEQUENCES = 20_000
GUARD_S, GAP_S, AFTER_S = 2.0, 0.5, 0.5
PAUSES = (0.0, 0.05, 0.2, 0.45, 0.55, 1.0, 1.9, 2.1, 3.0)
PIECES = (b"+", b"+", b"++", b"+++", b"++++", b"a", b"~\x7d+", b"+\r", b"bc")


class Sink:
    """What data mode hands on."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def opened(self, link: DataLink) -> None:
        """Data mode begins."""

    def received(self, data: bytes) -> None:
        """Data of the host."""
        self.taken += data


def expected(pieces: list[tuple[float, bytes]]) -> tuple[bytes, bool]:
    """What is data, and whether data mode ends, by the guides: each piece with the pause before it; the line
    is silent for 5 s behind the last."""
    data, plus = b"", b""
    for place, (pause, piece) in enumerate(pieces):
        if plus and (pause > GAP_S or len(plus + piece) > 3 or set(piece) != {0x2B}):
            data, plus = data + plus, b""
            begins = pause >= GUARD_S
        else:
            begins = bool(plus) or pause >= GUARD_S
        if begins and len(plus + piece) <= 3 and set(piece) == {0x2B}:
            plus += piece
        else:
            data += piece
        after = pieces[place + 1][0] if place + 1 < len(pieces) else 5.0
        if plus == b"+++" and after >= AFTER_S:
            return data, True
    return data + plus, False


def drawn(chance: random.Random) -> list[tuple[float, bytes]]:
    """One sequence; silences that lead to an escape are likely enough."""
    pieces = []
    for _ in range(chance.randint(1, 8)):
        pieces.append((chance.choice(PAUSES), chance.choice(PIECES)))
    return pieces


def played(one: Any, pieces: list[tuple[float, bytes]]) -> tuple[bytes, bool]:
    """The same through the module's UART."""
    sink = Sink()
    port = one.module.uart.port
    context = CommandContext(one.module, port, Call("+TEST", Form.EXECUTE))
    port.mode.move(Move.LINE)
    task = one.loop.create_task(context.data_mode("CONNECT", sink))
    one.run(0.001)
    for pause, piece in pieces:
        one.run(pause)
        if task.done():
            break
        one.send(piece)
    one.run(5.0)
    escaped = task.done() and task.result() is DataEnd.ESCAPED
    if not task.done():
        port.end_data(DataEnd.FINISHED)
        one.run(0.001)
    port.finish_line()
    one.uart.clear()
    return bytes(sink.taken), escaped


def wrong(sequences: int, seed: int) -> tuple[list[str], int]:
    """Sequences that the module took otherwise than the model, and how many ended data mode."""
    path = Path(__file__).resolve().parents[1] / "virtual" / "conftest.py"
    spec = importlib.util.spec_from_file_location("escape_virtual", path)
    assert spec is not None
    assert spec.loader is not None
    virtual = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = virtual
    spec.loader.exec_module(virtual)
    chance, found, escapes = random.Random(seed), [], 0
    with tempfile.TemporaryDirectory() as home:
        for series in Series:
            loop = virtual.JumpingLoop()
            asyncio.set_event_loop(loop)
            one = virtual.Driven(loop, series, Path(home) / series.value, variant=None, timing=Timing.FAST,
                                 behaviour={})
            one.module.set_input(Input.RTS, True)
            one.ready()
            for _ in range(sequences // len(Series)):
                pieces = drawn(chance)
                seen, meant = played(one, pieces), expected(pieces)
                escapes += meant[1]
                if seen != meant:
                    found.append(f"{series.value}: {pieces}: {seen}, not {meant}")
            one.close()
            loop.close()
            asyncio.set_event_loop(None)
    return found, escapes


def main() -> list[dict[str, object]]:
    """The figures."""
    found, escapes = wrong(SEQUENCES, 20260)
    for line in found[:5]:
        print(line)
    return [{"what": f"{SEQUENCES} random sequences taken otherwise than the guides say", "goal": 0,
             "figure": len(found), "met": not found},
            {"what": "of them sequences that leave data mode", "goal": "at least 1000", "figure": escapes,
             "met": escapes >= 1000}]
