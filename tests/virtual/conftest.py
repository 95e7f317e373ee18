"""Virtual modules in a loop whose time jumps: bytes in, bytes out, no waiting for real."""

from __future__ import annotations

import asyncio
import functools
import re
import selectors
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.modules.model import UsbComposition
from cellbench.virtual.device.config import Timing, config_for
from cellbench.virtual.device.module import Input, Module, Output
from cellbench.virtual.world.world import load_world


@functools.cache
def raw_world() -> Any:
    """The world file, read once."""
    return load_world().raw


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Instead of waiting, the loop's clock moves to the next thing that is due."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if not found and timeout:
            self.now += timeout
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in which a second takes no time."""

    def __init__(self) -> None:
        self.jumping = _JumpingSelector()
        super().__init__(self.jumping)
        self.failures: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        return self.jumping.now


class Driven:
    """A module and the bench's hands on it."""

    def __init__(self, loop: JumpingLoop, series: Series, home: Path, *, variant: str | None,
                 timing: Timing, behaviour: dict[str, object], index: int = 0,
                 telephones: Any = None) -> None:
        self.loop = loop
        profile = profile_for(series, variant)
        self.config = config_for(profile, raw_world(), timing=timing, behaviour=behaviour, index=index)
        self.module = loop.run_until_complete(self._make(profile, home, telephones))
        self.uart = bytearray()
        self.rates: list[int] = []
        self.levels: list[tuple[float, Output, bool]] = []
        self.compositions: list[UsbComposition | None] = []
        self.module.uart.transmit = self._uart_out
        self.module.on_output = lambda pin, level: self.levels.append((loop.time(), pin, level))
        self.module.on_usb = self.compositions.append
        self.host_rate = 115_200

    async def _make(self, profile: Any, home: Path, telephones: Any) -> Module:
        return Module("m", profile, self.config, home / "nvm.json", telephones=telephones)

    def _uart_out(self, data: bytes, rate: int) -> None:
        self.uart += data
        self.rates.append(rate)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def pulse(self, pin: Input, seconds: float) -> None:
        """Assert a line for a time."""
        self.module.set_input(pin, True)
        self.run(seconds)
        self.module.set_input(pin, False)

    def power_up(self, *, vusb: bool = True) -> None:
        """Supply, VUSB_DET and the PWR_ON pulse; wait until the greeting would be out."""
        self.module.set_supply(self.module.profile.power.vcc_typical_v.value)
        self.module.set_input(Input.VUSB_DET, vusb)
        self.run(0.1)
        self.pulse(Input.PWR_ON, self.module.profile.power.pwr_on_pulse_s.value[0] + 0.05)
        self.until(lambda: self.module.power.running, 60)

    def until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Let time pass until something is so."""
        for _ in range(int(seconds / 0.02) + 1):
            if condition():
                return
            self.run(0.02)
        raise AssertionError(f"not within {seconds} s; output so far {bytes(self.uart)!r}")

    def ready(self) -> None:
        """Power up, past autobauding, echo off, registered."""
        self.power_up()
        self.wake()
        self.until(lambda: self.module.radio.registered, 120)
        self.run(1)
        self.uart.clear()

    def wake(self) -> None:
        """The first AT, and echo off."""
        self.send(b"AT\r")
        self.run(0.2)
        self.at("ATE0")

    def send(self, data: bytes) -> None:
        """Bytes on the UART."""
        self.module.uart.receive(data, self.host_rate)

    FINAL = re.compile(rb"(?:^|\n)(OK|ERROR|NO CARRIER|BUSY|NO ANSWER|ABORTED|\+CM[ES] ERROR: [^\r]*)\r\n")

    def at(self, line: str, seconds: float = 400.0) -> list[str]:
        """A command line and everything up to its final result code, blank lines left out."""
        self.uart.clear()
        self.send(line.encode("latin-1") + b"\r")
        self.until(lambda: self.FINAL.search(bytes(self.uart)) is not None, seconds)
        return self.lines()

    def lines(self) -> list[str]:
        """What came on the UART since the last call, blank lines left out."""
        text = bytes(self.uart).decode("latin-1")
        self.uart.clear()
        return [line for line in text.replace("\r", "\n").split("\n") if line]

    def close(self) -> None:
        """End the module; nothing may have failed inside."""
        self.loop.run_until_complete(self.module.close())


@pytest.fixture
def jumping_loop() -> Iterator[JumpingLoop]:
    """A loop whose time jumps; it must end without a failure inside."""
    loop = JumpingLoop()
    asyncio.set_event_loop(loop)
    yield loop
    pending = [task for task in asyncio.all_tasks(loop) if not task.done()]
    for task in pending:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.close()
    asyncio.set_event_loop(None)
    assert loop.failures == []


@pytest.fixture
def driven(jumping_loop: JumpingLoop, tmp_path: Path) -> Iterator[Callable[..., Driven]]:
    """Makes driven modules: ``driven(Series.LENA_R8, variant=None, timing=..., home=..., setting=value)``."""
    made: list[Driven] = []

    def make(series: Series, *, variant: str | None = None, timing: Timing = Timing.REAL,
             home: Path | None = None, index: int = 0, telephones: Any = None, **behaviour: object) -> Driven:
        one = Driven(jumping_loop, series, home or tmp_path / f"m{len(made)}", variant=variant, timing=timing,
                     behaviour=behaviour, index=index, telephones=telephones)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture(params=list(Series), ids=[series.value for series in Series])
def series(request: pytest.FixtureRequest) -> Series:
    """Each series in turn."""
    return Series(request.param)


@pytest.fixture
def module(driven: Callable[..., Driven], series: Series) -> Driven:
    """A registered module of each series, echo off."""
    one = driven(series)
    one.ready()
    return one


@pytest.fixture
def lena(driven: Callable[..., Driven]) -> Driven:
    """A registered LENA-R8, echo off."""
    one = driven(Series.LENA_R8)
    one.ready()
    return one


@pytest.fixture
def lara(driven: Callable[..., Driven]) -> Driven:
    """A registered LARA-R6, echo off."""
    one = driven(Series.LARA_R6)
    one.ready()
    return one


class HandPeer:
    """The host's end of a PPP line by hand: frames in hexadecimal, check sequences bit by bit.

    A frame is written from its protocol field on: ``c021 01 01 0004``.
    """

    @staticmethod
    def check(data: bytes) -> bytes:
        """RFC 1662 C.1, one bit at a time."""
        register = 0xFFFF
        for octet in data:
            for place in range(8):
                odd = (register ^ octet >> place) & 1
                register = register >> 1 ^ (0x8408 if odd else 0)
        return (register ^ 0xFFFF).to_bytes(2, "little")

    def frame(self, text: str) -> bytes:
        """Bytes for the line, every control character escaped."""
        body = bytes.fromhex("ff03" + text)
        out = bytearray(b"\x7e")
        for octet in body + self.check(body):
            out += bytes((0x7D, octet ^ 0x20)) if octet < 0x20 or octet in (0x7D, 0x7E) else bytes((octet,))
        return bytes(out + b"\x7e")

    def read(self, line: bytes) -> list[str]:
        """The frames of a line in hexadecimal from the protocol field on, short fields made long."""
        found = []
        for piece in line.split(b"\x7e"):
            if not piece:
                continue
            body, place = bytearray(), 0
            while place < len(piece):
                escaped = piece[place] == 0x7D
                place += escaped
                body.append(piece[place] ^ (0x20 if escaped else 0))
                place += 1
            assert self.check(bytes(body[:-2])) == bytes(body[-2:]), piece.hex()
            rest = bytes(body[:-2]).removeprefix(b"\xff\x03")
            found.append((b"\x00" + rest if rest[0] & 1 else rest).hex())
        return found


@pytest.fixture
def hand_peer() -> HandPeer:
    """PPP by hand."""
    return HandPeer()
