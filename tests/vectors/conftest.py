"""Plays the transcribed tables against virtual modules: one new module for each table, so that no table
leans on another. They play side by side, but for those that stop a server, for all share one far side.
What a table got wrong is kept for the tests to look at.
"""

from __future__ import annotations

import asyncio
import binascii
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellbench.catalogue.modules import profile_for, series_named
from cellbench.catalogue.urcs import URCS
from cellbench.services.park import Park
from cellbench.virtual.device import verbs as device_verbs
from cellbench.virtual.device.config import config_for
from cellbench.virtual.device.module import Input, Module
from cellbench.virtual.net import verbs as net_verbs
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.packaging import package
from cellbench.virtual.world.world import World, load_world

GUIDES = Path(__file__).resolve().parent / "guides"
WAIT_S = 8.0
QUIET_S = 0.15
PLACEHOLDER = re.compile(r"\{[a-z_0-9]+:([^{}]+)\}")
BESIDE = re.compile(r'("[^"]*")|([,:]) +')
QUICK = {"unread_again_s": 0.1}
FILL = 512
PIECE = 32_768
PROMPT_S = 0.06
UNASKED = {urc.prefix for urc in URCS}

Row = Mapping[str, Any]


def tight(text: str) -> str:
    """Without the blanks that do not count: those behind commas and colons, outside quotes."""
    return BESIDE.sub(lambda found: found[1] or found[2], text)


def pattern(line: str) -> re.Pattern[str]:
    """A printed line as an expression; text outside the placeholders is literal."""
    parts = PLACEHOLDER.split(tight(line))
    return re.compile("".join(f"(?:{part})" if place % 2 else re.escape(part)
                              for place, part in enumerate(parts)), re.DOTALL)


class Slot:
    """What a control verb needs of a slot."""

    def __init__(self, name: str, module: Module) -> None:
        self.name = name
        self.module = module


class RackOf:
    """What a control verb needs of a rack."""

    def __init__(self, world: World, internet: Internet) -> None:
        self.world = world
        self.internet = internet


class Wrong(Exception):
    """A row that was not answered as printed."""


class Player:
    """One module on its UART, and the table played on it."""

    def __init__(self, table: Mapping[str, Any], module: Module, rack: RackOf) -> None:
        self.table = table
        self.module = module
        self.rack = rack
        self.wrong: list[str] = []
        self.played = 0
        self._rate = 115200
        self._received = bytearray()
        self._earlier: list[str] = []  # URCs that came before the command of the row
        self._changed = asyncio.Event()
        module.uart.transmit = self._take

    def _take(self, data: bytes, rate: int) -> None:
        self._received += data
        self._changed.set()

    def _write(self, text: str) -> None:
        self.module.uart.receive(text.encode("latin-1"), self._rate)

    async def _more(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _lines(self) -> list[str]:
        """Whole lines received and not yet taken."""
        whole, _, _ = bytes(self._received).decode("latin-1").rpartition("\r\n")
        return [line.strip("\r\n") for line in re.split(r"\r\n", whole) if line.strip("\r\n")]

    # -- states ----------------------------------------------------------------------------------

    async def power(self) -> None:
        """Supply on, a PWR_ON pulse."""
        self.module.set_supply(3.8)
        self.module.set_input(Input.PWR_ON, True)
        await asyncio.sleep(self.module.profile.power.pwr_on_pulse_s.value[0] + 0.05)
        self.module.set_input(Input.PWR_ON, False)

    async def ready(self) -> None:
        """Until the module answers and is registered."""
        async with asyncio.timeout(WAIT_S):
            while not self.module.power.running or not self.module.radio.registered:
                await asyncio.sleep(0.02)
            while "OK" not in self._lines():
                self._write("AT\r")
                await asyncio.sleep(0.12)
        await asyncio.sleep(0.05)
        self._received.clear()

    async def begin(self) -> None:
        """The state before the first row."""
        if "booting" in self.table["begin"]:
            return
        await self.power()
        try:
            await self.ready()
        except TimeoutError:
            self.wrong.append(f"not ready after {WAIT_S} s: {self.module.power.state}")

    # -- steps -----------------------------------------------------------------------------------

    async def step(self, step: Mapping[str, Any]) -> None:
        """One step beside the rows."""
        kind, value = next(iter(step.items()))
        if kind in ("at", "try"):
            final = await self.command(value)
            if kind == "at" and final != "OK":
                raise Wrong(f"{value} ends with {final}")
        elif kind == "ctl":
            await self._control(value)
        elif kind == "fill":
            for _ in range(int(value) // FILL):
                await self.step({"at": f'AT+USOWR=0,{FILL},"{"x" * FILL}"'})
        elif kind == "file":
            await self._file(value)
        elif kind == "host":
            await self._host(value)
        else:
            await self._registered_again()

    async def _file(self, text: str) -> None:
        """A file of so many bytes in the module, by +UDWNFILE."""
        name, _, size = text.partition("=")
        for begin in range(0, int(size), PIECE):
            count = min(PIECE, int(size) - begin)
            self._write(f'AT+UDWNFILE="{name}",{count}\r')
            async with asyncio.timeout(WAIT_S):
                while not self._received.endswith(b">"):
                    await self._more()
            self._received.clear()
            await asyncio.sleep(PROMPT_S)
            if await self.command(("0123456789abcdef" * (PIECE // 16))[:count], end="") != "OK":
                raise Wrong(f"the file {name} is refused")

    async def _registered_again(self) -> None:
        """After a restart: the new boot first, for the old one still looks registered."""
        boots = self.module.power.boots
        async with asyncio.timeout(WAIT_S):
            while self._restarting and self.module.power.boots == boots:
                await asyncio.sleep(0.01)
        self._restarting = False
        await self.ready()

    _restarting = False

    async def _control(self, text: str) -> None:
        name, *pairs = text.split()
        values = dict(pair.split("=", 1) for pair in pairs)
        if name == "power":
            await self.power()
            return
        verb = {**device_verbs.VERBS, **net_verbs.VERBS}[name]
        await verb.act(self.rack, Slot(self.module.name, self.module), values)  # type: ignore[arg-type]

    async def _host(self, text: str) -> None:
        what, _, value = text.partition("=")
        if what == "wait":
            await asyncio.sleep(float(value))
        elif what == "send":
            self._write("x" * int(value))
        elif what == "xmodem":
            await self._xmodem(value)
        else:
            self._rate = int(value)

    async def _xmodem(self, kind: str) -> None:
        """A package that fits the module, by Xmodem-1k: with CRC as long as C is coming, else with the
        checksum (Chuck Forsberg, XMODEM/YMODEM protocol reference)."""
        with tempfile.NamedTemporaryFile() as file:
            package(Path(file.name), series=self.module.profile.series.value, kind=kind)
            data = Path(file.name).read_bytes()
        mark = await self._mark(b"C\x15")
        for number, begin in enumerate(range(0, len(data), 1024), start=1):
            block = data[begin:begin + 1024].ljust(1024, b"\x1a")
            head = bytes((2, number % 256, 255 - number % 256))
            while True:
                crc, sum_8 = binascii.crc_hqx(block, 0).to_bytes(2, "big"), bytes((sum(block) % 256,))
                self.module.uart.receive(head + block + (crc if mark == ord("C") else sum_8), self._rate)
                answer = await self._mark(b"\x06\x15" if number > 1 else b"\x06\x15C")
                if answer == 0x06:
                    break
                mark = answer if number == 1 else mark
        self.module.uart.receive(b"\x04", self._rate)  # ACK stands before the first line of the next row

    async def _mark(self, marks: bytes) -> int:
        """Wait until one of some characters is the last that came; all of it is taken."""
        async with asyncio.timeout(WAIT_S):
            while not self._received or self._received[-1] not in marks:
                await self._more()
        mark = self._received[-1]
        self._received.clear()
        return mark

    async def command(self, line: str, end: str = "\r") -> str:
        """A command whose answer no row prints; its final result code."""
        self._write(line + end)
        final = re.compile(r"OK|ERROR|\+CM[ES] ERROR:.*")
        async with asyncio.timeout(WAIT_S):
            while True:
                for place, text in enumerate(self._lines()):
                    if final.fullmatch(text):
                        self._drop(place + 1)
                        return text
                await self._more()

    def _drop(self, count: int) -> None:
        """Take ``count`` lines off the front."""
        text = bytes(self._received).decode("latin-1")
        for _ in range(count):
            text = text.lstrip("\r\n").partition("\r\n")[2]
        self._received = bytearray(text.encode("latin-1"))

    # -- rows ------------------------------------------------------------------------------------

    async def play(self) -> None:
        """All rows; the first that is wrong ends the table."""
        if self.wrong:
            return
        try:
            for step in self.table.get("given", ()):
                await self.step(step)
            for row in self.table["rows"]:
                self._where = f"row {row['row']}, {row.get('send', row.get('payload', row.get('urc')))}"
                await self._row(row)
                self.played += 1
        except Wrong as wrong:
            self.wrong.append(f"{self._where}: {wrong}")
        except TimeoutError:
            self.wrong.append(f"{self._where}: nothing more came after {bytes(self._received)!r}")

    _where = "before the rows"

    async def _row(self, row: Row) -> None:
        for step in row.get("given", ()):
            await self.step(step)
        self._restarting = "+CFUN=16" in row.get("send", "")
        if "send" in row or "payload" in row:
            self._earlier += self._lines()
            self._received.clear()
        if "send" in row:
            self._write(row["send"] + "\r")
        elif "payload" in row:
            self._write(row["payload"])
        if "expect" in row:
            await self._answer(row)
        for line in row.get("urc", ()):
            await self._urc(line)
        if "absent" in row:
            await asyncio.sleep(QUIET_S)
            came = [line for line in self._lines() if line.startswith(tuple(row["absent"]))]
            if came:
                raise Wrong(f"{came} must not come")
        for step in row.get("after", ()):
            await self.step(step)

    async def _answer(self, row: Row) -> None:
        expect = list(row["expect"])
        if not expect:
            await asyncio.sleep(QUIET_S)
            if self._received:
                raise Wrong(f"{bytes(self._received)!r} came, nothing is printed")
            return
        async with asyncio.timeout(WAIT_S):
            if expect in (["@"], [">"]):
                while not self._received.rstrip(b" ").endswith(expect[0].encode()):
                    await self._more()
                self._received.clear()
                return
            while not self._whole(expect[-1]):
                await self._more()
        lines = self._lines()
        if row.get("send", row.get("payload", "").rstrip("\x1a")) == lines[0] != expect[0]:
            lines = lines[1:]
            self._drop(1)
        self._compare(expect, lines)

    def _whole(self, final: str) -> bool:
        ends = re.compile(rf"OK|ERROR|\+CM[ES] ERROR:.*|{pattern(final).pattern}")
        return any(ends.fullmatch(line) for line in self._lines())

    def _compare(self, expect: list[Any], lines: list[str]) -> None:
        """Take the answer's lines; Wrong when it is another one. A URC in between is laid aside."""
        for one in expect:
            text = one["optional"] if isinstance(one, dict) else one
            while (lines and not pattern(text).fullmatch(tight(lines[0]))
                   and lines[0].partition(":")[0] in UNASKED):
                self._earlier.append(lines.pop(0))
                self._drop(1)
            if lines and pattern(text).fullmatch(tight(lines[0])):
                lines.pop(0)
                self._drop(1)
            elif not isinstance(one, dict):
                raise Wrong(f"printed {text!r}, came {lines!r}")

    async def _urc(self, wanted: str | Mapping[str, str]) -> None:
        passing = not isinstance(wanted, str)
        line = wanted if isinstance(wanted, str) else wanted["until"]
        expression = pattern(line)
        prefix = line.partition(":")[0]
        self._received[:0] = "".join(f"\r\n{one}\r\n" for one in self._earlier).encode("latin-1")
        self._earlier.clear()
        async with asyncio.timeout(WAIT_S):
            while True:
                for place, text in enumerate(self._lines()):
                    if text.startswith(prefix):
                        self._drop(place + 1)
                        fits = expression.fullmatch(tight(text)) is not None
                        if passing and not fits:
                            break
                        if not fits:
                            raise Wrong(f"printed {line!r}, came {text!r}")
                        return
                else:
                    await self._more()


def players(rack: RackOf, directory: Path) -> dict[tuple[str, int], Player]:
    """A player with a module of its own for each table."""
    made: dict[tuple[str, int], Player] = {}
    for path in sorted(GUIDES.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        profile = profile_for(series_named(document["series"]))
        for number, table in enumerate(document["tables"]):
            name = f"{path.stem}-{number}"
            # each module of a series has an IMEI of its own: clients go by it
            index = sum(player.module.profile.series is profile.series for player in made.values())
            config = config_for(profile, rack.world.raw, index=index, behaviour=QUICK)
            module = Module(name, profile, config, directory / name / "nvm.json", internet=rack.internet)
            made[path.stem, number] = Player(table, module, rack)
    return made


async def replay(directory: Path) -> dict[tuple[str, int], Player]:
    """Play every table of every file."""
    world = load_world()
    park = Park()
    await park.start(world.definitions())
    rack = RackOf(world, Internet(world, park))
    made = players(rack, directory)
    alone = [player for player in made.values()
             if player.table.get("alone") or "server" in str(player.table["rows"])]
    try:
        await asyncio.gather(*(player.begin() for player in made.values()))
        await asyncio.gather(*(player.play() for player in made.values() if player not in alone))
        for player in alone:
            await player.play()
    finally:
        for player in made.values():
            player.module.set_supply(0.0)
            await player.module.close()
        await rack.internet.close()
        await park.stop()
    return made


@pytest.fixture(scope="session")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Player]:
    """The tables, played."""
    return asyncio.run(replay(tmp_path_factory.mktemp("modules")))
