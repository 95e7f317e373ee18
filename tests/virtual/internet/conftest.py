"""Modules of both series on one virtual internet, driven through the AT face of their UART.

They are powered once for all tests of this folder; each test gets a module with all sockets closed and one
user context active.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.modules.model import Known, ModuleProfile
from cellbench.services.park import Park
from cellbench.virtual.control.verbs import ControlRefusal
from cellbench.virtual.device.config import config_for
from cellbench.virtual.device.module import Input, Module
from cellbench.virtual.device.sockets_engine import SocketEngine
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.net.verbs import REPORTS, VERBS
from cellbench.virtual.world.world import World, load_world

RATE = 115200
WAIT_S = 8.0
QUICK = {"unread_again_s": 0.06, "connect_timeout_s": 100.0, "payload_timeout_s": 0.15, "mqtt_answer_s": 50.0,
         "mqtt_input_timeout_s": 0.3, "mqttsn_retry_s": 5.0}
FINAL = re.compile(r"OK|ERROR|\+CM[ES] ERROR: .*|NO CARRIER|CONNECT")


def hasty(profile: ModuleProfile) -> ModuleProfile:
    """The same module with a short PWR_ON pulse and short guard times: rules that other tests watch."""
    power, serial = profile.power, profile.serial
    return replace(
        profile,
        power=replace(power, pwr_on_pulse_s=Known((0.05, 3.0), power.pwr_on_pulse_s.source)),
        serial=replace(serial, escape_guard_s=Known(0.2, serial.escape_guard_s.source)))


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


class At:
    """One module under test: a plain reader of its UART, and the verbs of its far side."""

    def __init__(self, name: str, module: Module, rack: RackOf) -> None:
        self.name = name
        self.module = module
        self.rack = rack
        self.lines: list[str] = []
        self.raw = bytearray()
        self._partial = bytearray()
        self._seen = 0
        self._changed = asyncio.Event()
        module.uart.transmit = self._received

    @property
    def series(self) -> Series:
        return self.module.profile.series

    def _received(self, data: bytes, rate: int) -> None:
        self.raw += data
        self._partial += data
        while b"\r\n" in self._partial:
            line, _, rest = bytes(self._partial).partition(b"\r\n")
            self._partial = bytearray(rest)
            if line.strip(b"\r\n"):
                self.lines.append(line.strip(b"\r\n").decode("latin-1"))
        self._changed.set()

    async def _until(self, found: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not found():
                self._changed.clear()
                await self._changed.wait()

    async def power_on(self) -> None:
        """Supply, PWR_ON, first answer, registration, a user context."""
        self.module.set_supply(3.8)
        self.module.set_input(Input.PWR_ON, True)
        await asyncio.sleep(self.module.profile.power.pwr_on_pulse_s.value[0] + 0.05)
        self.module.set_input(Input.PWR_ON, False)
        async with asyncio.timeout(WAIT_S):
            while not self.lines or self.lines[-1] != "OK":
                self.module.uart.receive(b"AT\r", RATE)
                await asyncio.sleep(0.15)
        await self.ok("ATE0")
        async with asyncio.timeout(WAIT_S):
            while not self.module.radio.registered:
                await asyncio.sleep(0.02)
        if self.series is Series.LENA_R8:
            await self.ok('AT+CGDCONT=1,"IP","internet.wind.biz"')
        await self.ok("AT+CGACT=1,1")

    async def tidy(self) -> None:
        """Everything as at the start of a test."""
        self.rack.internet.node(self.name).set_blocked(False)
        for name in ("echo", "dns", "icmp"):
            await self.rack.internet.park.set_state(name, "up")
        for one in tuple(self.module.subsystem(SocketEngine).sockets.values()):
            await self.module.subsystem(SocketEngine).close(one)
        for line in ("AT+CMEE=0", "AT+UDCONF=1,0"):
            await self.ok(line)
        for one in self.module.contexts.active():
            if one.cid > 1 and not self.module.contexts.reserved(one.cid):
                await self.ok(f"AT+CGACT=0,{one.cid}")
        self.lines.clear()
        self._seen = 0

    async def send(self, line: str, *, payload: bytes | None = None) -> list[str]:
        """A command; the lines up to its final result code. A payload goes 60 ms after the prompt."""
        start = len(self.lines)
        self.module.uart.receive(line.encode("latin-1") + b"\r", RATE)
        if payload is not None:
            await self._until(lambda: self._partial.endswith((b"@", b">")) or self._final(start) is not None)
            if self._final(start) is None:
                self._partial.clear()
                await asyncio.sleep(0.06)
                self.module.uart.receive(payload, RATE)
        await self._until(lambda: self._final(start) is not None)
        end = self._final(start)
        assert end is not None
        answer = self.lines[start:end + 1]
        del self.lines[start:end + 1]
        return answer

    async def finish(self, payload: bytes) -> list[str]:
        """What a command answers whose prompt is open already."""
        self._partial.clear()
        await asyncio.sleep(0.06)
        self.module.uart.receive(payload, RATE)
        await self._until(lambda: self._final(0) is not None)
        end = self._final(0)
        assert end is not None
        answer = self.lines[:end + 1]
        del self.lines[:end + 1]
        return answer

    def _final(self, start: int) -> int | None:
        places = range(start, len(self.lines))
        return next((place for place in places if FINAL.fullmatch(self.lines[place])), None)

    async def ok(self, line: str, *, payload: bytes | None = None) -> str:
        """A command that must end with OK; its information text."""
        answer = await self.send(line, payload=payload)
        assert answer[-1] == "OK", f"{line}: {answer}"
        return "\n".join(answer[:-1])

    async def refused(self, line: str) -> str:
        """A command that must not end with OK; its final result code."""
        answer = await self.send(line)
        assert answer[-1] != "OK", f"{line} was taken"
        return answer[-1]

    async def urc(self, text: str) -> None:
        """The next URC of the same prefix, which must be ``text``; other lines stay."""
        prefix = text.partition(":")[0] + ":"
        await self._until(lambda: any(line.startswith(prefix) for line in self.lines))
        found = next(line for line in self.lines if line.startswith(prefix))
        self.lines.remove(found)
        assert found == text

    async def next_urc(self, prefix: str) -> str:
        """The next URC with a prefix, behind the colon."""
        await self._until(lambda: any(line.startswith(prefix + ":") for line in self.lines))
        found = next(line for line in self.lines if line.startswith(prefix + ":"))
        self.lines.remove(found)
        return found[len(prefix) + 2:]

    async def quiet(self, seconds: float) -> None:
        """No line comes for a while."""
        await asyncio.sleep(seconds)
        assert self.lines == []

    async def act(self, verb: str, **values: str) -> Mapping[str, str]:
        """A control verb, as ctl would do it."""
        found = {**REPORTS, **VERBS}[verb]
        slot = Slot(self.name, self.module)
        return await found.act(self.rack, slot, values) or {}  # type: ignore[arg-type,return-value]

    async def act_refused(self, verb: str, **values: str) -> str:
        """A control verb that cannot be done; its sentence."""
        with pytest.raises(ControlRefusal) as refusal:
            await self.act(verb, **values)
        return str(refusal.value)

    async def connected(self) -> None:
        """Socket 0, TCP, connected to the echo server."""
        assert await self.ok("AT+USOCR=6") == "+USOCR: 0"
        await self.ok('AT+USOCO=0,"195.34.89.241",7')


class Bench:
    """The loop, the servers and a module of each series."""

    def __init__(self, directory: Path) -> None:
        self.runner = asyncio.Runner()
        self._directory = directory
        self.modules: dict[Series, At] = {}
        self._park = Park()

    def start(self) -> None:
        self.runner.run(self._start())

    async def _start(self) -> None:
        world = load_world()
        await self._park.start(world.definitions())
        rack = RackOf(world, Internet(world, self._park))
        for series in Series:
            profile = hasty(profile_for(series))
            config = config_for(profile, world.raw, behaviour=QUICK)
            name = series.value.lower()
            nvm = self._directory / name / "nvm.json"
            module = Module(name, profile, config, nvm, internet=rack.internet)
            self.modules[series] = At(name, module, rack)
        await asyncio.gather(*(at.power_on() for at in self.modules.values()))

    def stop(self) -> None:
        self.runner.run(self._stop())
        self.runner.close()

    async def _stop(self) -> None:
        for at in self.modules.values():
            at.module.set_supply(0.0)
            await at.module.close()
        await self._park.stop()


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The one bench of this folder."""
    made = Bench(tmp_path_factory.mktemp("sockets"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def play(bench: Bench) -> Callable[[Series, Callable[[At], Awaitable[None]]], None]:
    """Run a scenario on the module of a series."""
    def run(series: Series, scenario: Callable[[At], Awaitable[None]]) -> None:
        async def within() -> None:
            at = bench.modules[series]
            await at.tidy()
            async with asyncio.timeout(20):
                await scenario(at)

        bench.runner.run(within())

    return run
