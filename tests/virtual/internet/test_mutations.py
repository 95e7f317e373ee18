"""Mutated socket lines: always a final result code or the prompt, never a bug, and the module goes on."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
SEEDS = (
    "AT+USOCR=6", "AT+USOCR=17,12000,0,1", 'AT+USOCO=0,"195.34.89.241",7', 'AT+USOCO=1,"198.51.100.1",7,1',
    'AT+USOWR=0,2,"12"', "AT+USOWR=0,2", 'AT+USOST=1,"195.34.89.241",7,5,"Hello"', "AT+USORD=0,10",
    "AT+USORF=1,10", "AT+USOLI=2,1099", "AT+USOCL=0", "AT+USOCL=1,1", "AT+USOCTL=0,10",
    "AT+USOSO=0,6,2,30000", "AT+USOGO=0,6,2", "AT+USOER", 'AT+UDNSRN=0,"ftp.u-blox.com"',
    'AT+UDNSCFG=1,1,0,"8.8.8.8"', 'AT+CDNSCFG="8.8.8.8"', 'AT+UPING="195.34.89.241",1,32,10', "AT+USOCFG=1,1",
    "AT+USORD=?", "AT+USOER?")
ALPHABET = '0123456789,,,""=?;-+AT. \x80\xff'
LINES = 1500


def mutated(chance: random.Random) -> str:
    """One of the seeds with a few places changed."""
    line = list(chance.choice(SEEDS))
    for _ in range(chance.randint(0, 3)):
        place = chance.randint(3, len(line))
        if chance.random() < 0.5 and place < len(line):
            del line[place]
        else:
            line.insert(place, chance.choice(ALPHABET))
    return "".join(line)


@pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
def test_mutated_lines(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        bugs: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: bugs.append(context))
        finals: Counter[str] = Counter()
        chance = random.Random(7)
        for _ in range(LINES):
            finals[(await at.send(mutated(chance), payload=b"x" * 1024))[-1]] += 1
            if chance.random() < 0.1:
                at.lines.clear()
        asyncio.get_running_loop().set_exception_handler(None)
        assert bugs == []
        assert finals.total() == LINES
        assert finals["OK"] > LINES // 10, "some lines must have reached their handlers"
        for number in range(7):
            await at.send(f"AT+USOCL={number}")
        at.lines.clear()
        await at.connected()

    play(series, scenario)
