"""A board behind a byte stream: opened when it is needed, given up after each failure.

Every error is a RigError that names the instrument, whatever the stream was (serial port, RFC 2217, TCP).
"""

from __future__ import annotations

from collections.abc import Callable

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, OperatorError, RigError
from cellbench.io.pipe import LinePort
from cellbench.io.ports import open_pipe

_CHUNK = 512
_MOST = 4096  # answers are a few words; more is not this board
_REMEDY = "check that it is switched on, its cable, its address, and that no other program has it open"


class BoardStream:
    """The connection to one board; for one thread at a time."""

    __slots__ = ("_is_open", "_name", "_pipe", "_timeout_s", "_url")

    def __init__(self, name: str, url: str, *, rate: int = 9600, timeout_s: float = 2.0) -> None:
        """``rate`` in bit/s, where the stream has one; ``timeout_s``: longest wait for one answer, in s."""
        self._name = name
        self._url = url
        self._timeout_s = timeout_s
        self._is_open = False
        try:
            self._pipe: LinePort = open_pipe(url, rate=rate)
        except OperatorError as error:
            raise RigError(f"instrument {name}: {error.message}",
                           remedy=error.remedy or "correct url in the rig file") from error

    @property
    def where(self) -> str:
        """The instrument and its address, for messages."""
        return f"instrument {self._name} ({self._url})"

    @property
    def is_open(self) -> bool:
        """True between a successful open and the next failure or close."""
        return self._is_open

    @property
    def pipe(self) -> LinePort:
        """The stream itself, for its control lines."""
        return self._pipe

    def open(self) -> bool:
        """Open it when it is not; True when it was opened now, with what had been waiting thrown away."""
        if self._is_open:
            return False
        try:
            self._pipe.open()
            self._is_open = True
            self.drop_waiting(0.0)
        except CellbenchError as error:
            raise self.lost("cannot be reached", error) from error
        return True

    def close(self) -> None:
        """Close the stream; the board keeps its contacts as they are."""
        self._is_open = False
        self._pipe.close()

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        try:
            self._pipe.write(data, Deadline.after(self._timeout_s))
        except CellbenchError as error:
            raise self.lost(f"failed at {shown(data)}", error) from error

    def take(self, question: bytes, complete: Callable[[bytes], bool]) -> bytes:
        """What comes until ``complete`` says that it is all; ``question``: what it answers, for messages."""
        got = bytearray()
        deadline = Deadline.after(self._timeout_s)
        while not complete(bytes(got)):
            try:
                chunk = self._pipe.read(_CHUNK, deadline.remaining)
            except CellbenchError as error:
                raise self.lost(f"failed at {shown(question)}", error) from error
            got += chunk
            if len(got) > _MOST or (not chunk and deadline.expired):
                self.close()
                said = f"only {shown(bytes(got[:40]))}" if got else "nothing"
                raise RigError(f"{self.where} answered {said} to {shown(question)} within "
                               f"{self._timeout_s:g} s", remedy=_REMEDY)
        return bytes(got)

    def ask(self, question: bytes, complete: Callable[[bytes], bool]) -> bytes:
        """Send and take the answer."""
        self.send(question)
        return self.take(question, complete)

    def drop_waiting(self, quiet_s: float) -> bytes:
        """Throw away what comes until nothing has come for ``quiet_s`` seconds; what it was."""
        dropped = bytearray()
        try:
            while chunk := self._pipe.read(_CHUNK, quiet_s):
                dropped += chunk
                if len(dropped) > _MOST:
                    break
        except CellbenchError as error:
            raise self.lost("failed", error) from error
        return bytes(dropped)

    def lost(self, what: str, error: CellbenchError) -> RigError:
        """The stream given up, and the RigError to raise."""
        self.close()
        cause = error.message.removeprefix(f"{self._url}: ")
        return RigError(f"{self.where} {what}: {cause}", remedy=error.remedy or _REMEDY)

    def out_of_step(self, question: bytes, answer: bytes, wanted: str) -> RigError:
        """As lost, for an answer that does not fit: perhaps that of an earlier command."""
        self.close()
        return RigError(f"{self.where} answered {shown(answer)} to {shown(question)}, not {wanted}",
                        remedy="check the kind and the number of relays and inputs in the rig file")


def shown(data: bytes) -> str:
    """Bytes for a message: as text where they are, else in hexadecimal."""
    text = data.decode("latin-1").strip()
    if text and all(" " <= char <= "~" or char in "\r\n" for char in text):
        return repr(text)
    return data.hex(" ").upper() or "nothing"


def pin_in_range(name: str, pin: int, count: int, what: str = "relay") -> int:
    """``pin`` when the board has it; RigError that says which it has."""
    if not 0 <= pin < count:
        raise RigError(f"instrument {name} has no {what} {pin}; it has "
                       + (f"0 to {count - 1}" if count > 1 else "only 0" if count else "none"),
                       remedy="correct the slot's lines in the rig file")
    return pin


def not_switched(name: str, pin: int, closed: bool) -> RigError:
    """The error of a contact whose read-back does not agree."""
    return RigError(f"instrument {name}: relay {pin} stays {'open' if closed else 'closed'}",
                    remedy="check the board's relay supply and its number of relays")
