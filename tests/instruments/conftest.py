"""A far end that plays a transcript over real TCP: commands it must be sent, replies it gives.

It fails on a command that is not the next one, and on commands that never came.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

HANG_UP = None
"""A reply that closes the connection."""


@dataclass
class Dialogue:
    """One connection: what the far end says first, then command and reply in turn."""

    steps: list[tuple[bytes, bytes | None]]
    greeting: bytes = b""


@dataclass
class Player:
    """Plays its dialogues, one connection after the other."""

    dialogues: list[Dialogue]
    port: int = 0
    problems: list[str] = field(default_factory=list)
    _server: socket.socket | None = None
    _thread: threading.Thread | None = None
    _done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Player:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()
        return self

    def finish(self) -> None:
        """Ends the far end; fails on anything that was not as the transcript has it."""
        assert self._server is not None
        assert self._thread is not None
        self._done.set()
        # accept() does not notice that its socket was closed: a last connection wakes it
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(5)
        self._server.close()
        assert not self._thread.is_alive(), "the far end hangs"
        assert not self.problems, self.problems

    def _play(self) -> None:
        assert self._server is not None
        for number, dialogue in enumerate(self.dialogues):
            connection, _ = self._server.accept()
            with connection:
                if self._done.is_set():
                    self.problems.append(f"connection {number} never came: {dialogue.steps}")
                    return
                connection.settimeout(5)
                connection.sendall(dialogue.greeting)
                if not self._one(connection, dialogue):
                    return
        last, _ = self._server.accept()
        last.close()
        if not self._done.is_set():
            self.problems.append("one connection too many")

    def _one(self, connection: socket.socket, dialogue: Dialogue) -> bool:
        for step, (command, reply) in enumerate(dialogue.steps):
            got = b""
            while len(got) < len(command):
                try:
                    chunk = connection.recv(len(command) - len(got))
                except OSError:
                    chunk = b""
                if not chunk:
                    self.problems.append(f"left over: {dialogue.steps[step:]}, had {got!r}")
                    return False
                got += chunk
                if not command.startswith(got):
                    self.problems.append(f"step {step}: got {got!r}, wanted {command!r}")
                    return False
            if reply is HANG_UP:
                return True
            connection.sendall(reply)
        try:
            extra = connection.recv(100)
        except OSError:
            extra = b""
        if extra:
            self.problems.append(f"said too much: {extra!r}")
        return True


@pytest.fixture
def play() -> Iterator[Callable[..., Player]]:
    """Starts a far end with the given dialogues; it is finished when the test ends."""
    players: list[Player] = []

    def start(*dialogues: Dialogue) -> Player:
        players.append(Player(list(dialogues)).start())
        return players[-1]

    yield start
    for player in players:
        player.finish()


@pytest.fixture
def dialogue() -> type[Dialogue]:
    """The Dialogue class, for tests that write transcripts."""
    return Dialogue


@pytest.fixture
def scpi(dialogue: type[Dialogue]) -> Callable[..., Dialogue]:
    """A dialogue of SCPI lines after the greeting: a query has a reply, a command has "".

    After each query the driver looks at the error queue, which is empty; ``astray``: not after the last, for
    its reply is not what was asked for.
    """

    def make(*lines: tuple[str, str | None], identity: str = "CELLBENCH,VPS-4,0001,1.0",
             astray: bool = False) -> Dialogue:
        opening: list[tuple[str, str | None]] = [("*CLS", ""), ("*IDN?", identity)]
        for number, (command, reply) in enumerate(lines):
            opening.append((command, reply))
            last = astray and number == len(lines) - 1
            if "?" in command and reply and command != "SYST:ERR?" and not last:
                opening.append(("SYST:ERR?", '0,"No error"'))
        steps = [(f"{command}\n".encode(), None if reply is None else f"{reply}\n".encode() if reply else b"")
                 for command, reply in opening]
        return dialogue(steps)

    return make


@pytest.fixture
def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
