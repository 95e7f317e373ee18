"""Every command of the catalogue, in every form, with arguments in and out of range: always a final code."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Command, Form, Kind, Param, Series

# These change what is looked at.
_ALONE = frozenset({"+CPWROFF", "+CFUN", "Q", "V", "S", "+IPR", "Z", "&F", "+UTEST", "+UPSV", "+UFWUPD"})
_FINALS = ("OK", "ERROR", "NO CARRIER", "+CME ERROR", "+CMS ERROR", "CONNECT", "@", ">", "ABORTED")


def values(param: Param, series: Series, dice: random.Random) -> str:
    """Some argument for a parameter, mostly one that is allowed."""
    ranges = param.ranges_for(series)
    if param.kind is Kind.INTEGER:
        if not ranges or dice.random() < 0.2:
            return str(dice.choice([-1, 0, 1, 7, 99, 70000, 2 ** 40]))
        low, high = dice.choice(ranges)
        return str(dice.choice([low, high, dice.randint(low, high)]))
    if param.choices and dice.random() < 0.8:
        return f'"{dice.choice(param.choices)}"'
    return dice.choice(['""', '"a"', '"1.2.3.4"', '"' + "x" * 200 + '"', "bare", '"0070000001"', '"+39123"'])


def lines(command: Command, series: Series, dice: random.Random) -> Iterator[str]:
    """Lines with the command in each form."""
    if command.name[0] != "+":
        yield from (f"AT{command.name}{number}" for number in ("", "0", "1", "9", "77"))
        return
    yield from (f"AT{command.name}", f"AT{command.name}?", f"AT{command.name}=?", f"AT{command.name}=")
    for count in (1, len(command.params), len(command.params), len(command.params) + 1):
        params = command.params_for(series)
        parts = [values(params[min(place, len(params) - 1)], series, dice)
                 for place in range(count) if params]
        yield f"AT{command.name}=" + ",".join(parts)


def test_every_command_ends(module: Any, series: Series) -> None:
    dice = random.Random(1)
    silent: list[str] = []
    for name, command in ALL.items():
        if name in _ALONE:
            continue
        for line in lines(command, series, dice):
            module.run(0.1)
            module.uart.clear()
            module.send(line.encode() + b"\r")
            module.run(350)
            found = module.lines()
            if not any(one.startswith(_FINALS) for one in found):
                silent.append(f"{line}: {found}")
            module.send(b"\x1b" * 2000 + b"\r")  # end whatever prompt there is
            module.run(30)
            module.uart.clear()
    assert silent == []
    assert module.loop.failures == []
    assert Form.TEST in ALL["+CREG"].forms
