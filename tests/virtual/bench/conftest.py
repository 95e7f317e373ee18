"""A loop in a thread, so that real blocking clients can talk to the bench's servers."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cellbench.virtual.bench.dialects.families import FAMILIES
from cellbench.virtual.bench.output import SupplyOutput
from cellbench.virtual.bench.supply import Supply


class LoopThread:
    """Runs an asyncio loop beside the test."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def call(self, function: Callable[[], Any]) -> Any:
        """The result of a plain function, called in the loop's thread."""
        async def work() -> Any:
            return function()
        return self.run(work())

    def wait_for(self, condition: Callable[[], bool], seconds: float = 5.0) -> bool:
        """True when ``condition`` comes true in the loop's thread in time."""
        async def work() -> bool:
            end = self.loop.time() + seconds
            while not condition():
                if self.loop.time() > end:
                    return False
                await asyncio.sleep(0.002)
            return True
        return bool(self.run(work()))

    def stop(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """A running loop."""
    thread = LoopThread()
    yield thread
    thread.stop()


@dataclass
class Draws:
    """A load that draws a set current while it is fed."""

    amperes: float = 0.02
    volts: float = 0.0

    def set_supply(self, volts: float) -> None:
        self.volts = volts

    def current_a(self) -> float:
        return self.amperes if self.volts > 0.1 else 0.0


class Talk:
    """A plain socket to a supply of one family; each channel has its load."""

    def __init__(self, loop: LoopThread, name: str) -> None:
        self.loop = loop
        self.family = FAMILIES[name]
        self.loads = [Draws() for _ in self.family.ratings]

        async def make() -> tuple[Supply, int]:
            outputs = [SupplyOutput(load, None, place) for place, load in enumerate(self.loads)]
            supply = Supply(7, outputs, self.family)
            return supply, await supply.start()

        self.supply, self.port = loop.run(make())
        self.socket = socket.create_connection(("127.0.0.1", self.port), 5)
        self.file = self.socket.makefile("rb")

    def say(self, *messages: str) -> None:
        """Send messages."""
        for message in messages:
            self.socket.sendall(message.encode() + b"\n")

    def ask(self, message: str) -> str:
        """The answer without the family's terminator."""
        self.say(message)
        line = self.file.readline().decode("latin-1")
        assert line.endswith(self.family.terminator)
        return line.removesuffix(self.family.terminator)

    def value(self, message: str) -> float:
        """A number out of an answer, whatever stands around it."""
        return float(re.findall(r"[-+]?\d+\.?\d*(?:E[-+]\d+)?", self.ask(message).split(" ")[-1])[0])

    def silent(self, message: str, seconds: float = 0.2) -> bool:
        """True when nothing is answered in that time."""
        self.say(message)
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(5)

    def end(self) -> None:
        """Close both ends."""
        self.file.close()
        self.socket.close()
        self.loop.run(self.supply.stop("rack-stop"))


@pytest.fixture
def talk(loop: LoopThread) -> Iterator[Callable[[str], Talk]]:
    """``talk("rs-hmp")`` is a conversation with a new supply of that family."""
    made: list[Talk] = []

    def make(name: str) -> Talk:
        made.append(Talk(loop, name))
        return made[-1]

    yield make
    for one in made:
        one.end()
