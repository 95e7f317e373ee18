"""Xmodem over a port: the machines of wire.xmodem with a pipe and a clock.

    with raw_port(channel) as port:
        sent = send(port, image, Mode.XMODEM_1K, deadline=Deadline.after(600.0), progress=print)
        channel.link.hand_on(sent.rest)  # the module's first words behind the transfer

Any pipe will do: a port of its own, a channel of the multiplexer, an AT channel's port (``raw_port``), a port
in data mode (``DataModePipe``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from cellbench.base.clock import Deadline
from cellbench.base.errors import UnitError
from cellbench.host.channel import Channel
from cellbench.host.datamode import DataMode
from cellbench.io.pipe import PortLost
from cellbench.wire.xmodem.block import Check, Mode, predicted_s
from cellbench.wire.xmodem.events import Event, Failed, Finished, Reason, Taken
from cellbench.wire.xmodem.receiver import CHECKSUM_ONLY, STANDARD, U_BLOX, Receiver, ReceiverSettings
from cellbench.wire.xmodem.sender import Sender, SenderSettings
from cellbench.wire.xmodem.sending import SenderState

__all__ = ["CHECKSUM_ONLY", "STANDARD", "U_BLOX", "Check", "DataModePipe", "Mode", "Progress", "Received",
           "ReceiverSettings", "SenderSettings", "Sent", "XmodemCancelled", "XmodemError", "XmodemNotStarted",
           "XmodemRefused", "XmodemSilent", "XmodemTimeout", "predicted_s", "raw_port", "receive", "send"]

_LIMIT = 65536
_REPLIES = 256  # bytes that a sender reads at once
_CANCEL_S = 2.0  # for the CANs of a transfer that we give up


class BytePort(Protocol):
    """The two of a pipe's verbs that a transfer needs."""

    def read(self, limit: int, timeout_s: float) -> bytes:
        """See Pipe.read."""
        ...

    def write(self, data: bytes, deadline: Deadline) -> None:
        """See Pipe.write."""
        ...


class XmodemError(UnitError):
    """A transfer that did not succeed; ``done`` of ``total`` bytes had been acknowledged (``total`` is None
    for a receiver, which never knows it)."""

    def __init__(self, why: str, done: int, total: int | None, *, remedy: str = "") -> None:
        where = f"after {done} bytes" if total is None else f"after {done} of {total} bytes"
        super().__init__(f"Xmodem: {why}, {where}", remedy=remedy)
        self.done = done
        self.total = total


class XmodemNotStarted(XmodemError):
    """The far side sent no start character, or no block."""


class XmodemCancelled(XmodemError):
    """The far side cancelled (CAN CAN)."""


class XmodemRefused(XmodemError):
    """One block came through in none of its tries, or the block numbers do not fit."""


class XmodemSilent(XmodemError):
    """The far side stopped answering."""


class XmodemTimeout(XmodemError):
    """The deadline passed; the far side was told (CAN)."""


_ERRORS = {Reason.NO_RECEIVER: XmodemNotStarted, Reason.NO_SENDER: XmodemNotStarted,
           Reason.CANCELLED_BY_FAR_SIDE: XmodemCancelled, Reason.REFUSED: XmodemRefused,
           Reason.DAMAGED: XmodemRefused, Reason.OUT_OF_STEP: XmodemRefused, Reason.SILENT: XmodemSilent}
_REMEDIES = {Reason.REFUSED: "look for a wrong rate, flow control or a bad cable",
             Reason.DAMAGED: "look for a wrong rate, flow control or a bad cable"}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer is: bytes acknowledged of all (None where they are not known), blocks repeated,
    seconds since the first block."""

    done: int
    total: int | None
    repeats: int
    elapsed_s: float

    @property
    def left_s(self) -> float | None:
        """Predicted seconds up to the last block, from the rate so far; None while nothing tells it."""
        if self.total is None or not self.done:
            return None
        return self.elapsed_s * (self.total - self.done) / self.done


@dataclass(frozen=True, slots=True)
class Sent:
    """A transfer that succeeded. ``seconds`` are those from the first block to the ACK of the last.
    ``confirmed``: the ACK of the end came; without it every block is acknowledged all the same. ``rest``:
    what came behind that ACK, which is the first text of whoever speaks next."""

    size: int
    check: Check | None
    repeats: int
    seconds: float
    confirmed: bool
    rest: bytes = b""


@dataclass(frozen=True, slots=True)
class Received:
    """What came, with the padding of its last block: Xmodem does not tell a length."""

    data: bytes
    check: Check
    repeats: int


class DataModePipe:
    """A port in data mode as a pipe."""

    def __init__(self, data_mode: DataMode) -> None:
        self._data_mode = data_mode

    def read(self, limit: int, timeout_s: float) -> bytes:
        """See Pipe.read."""
        return self._data_mode.read(limit, timeout_s)

    def write(self, data: bytes, deadline: Deadline) -> None:
        """See Pipe.write."""
        self._data_mode.write(data, deadline.remaining)


@contextlib.contextmanager
def raw_port(channel: Channel) -> Iterator[BytePort]:
    """The port under an AT channel, which is silent inside the block; what passes is in its trace. Raises
    PortLost."""
    with channel.paused():
        yield channel.link.current()


def send(pipe: BytePort, data: bytes, mode: Mode, *, deadline: Deadline,
         progress: Callable[[Progress], None] | None = None, settings: SenderSettings | None = None) -> Sent:
    """Send ``data`` to a receiver that sends, or will send, its start characters. ``progress`` is called
    after each block that was acknowledged; what it raises cancels the transfer. Raises XmodemNotStarted,
    XmodemCancelled, XmodemRefused, XmodemSilent, XmodemTimeout; PortLost, PortStuck.

    A port that vanishes when only the ACK of the end is missing is no failure: a module may restart then.
    """
    sender = Sender(data, mode, settings)
    clock = deadline.clock.monotonic
    now = began = ended = clock()
    sender.start(now)
    done = 0
    end: Finished | Failed | None = None
    with _told_when_broken(pipe, sender, deadline):
        while True:
            wire = sender.outgoing()
            if wire:
                if sender.state is SenderState.BLOCK_SENT and not done and not sender.repeats:
                    began = now
                try:
                    pipe.write(wire, deadline)
                except PortLost:
                    end = _lost_at_end(sender)
                sender.prepare()
            if end is not None:
                break
            events, now = _next(pipe, sender, now, deadline)
            end = _end_of(events) if events else None
            if sender.acknowledged != done:
                done, ended = sender.acknowledged, now
                if progress is not None:
                    progress(Progress(done, sender.total, sender.repeats, now - began))
    if isinstance(end, Failed):
        raise _error(end, sender.acknowledged, sender.total)
    return Sent(sender.total, sender.check, sender.repeats, max(0.0, ended - began), end.confirmed, end.rest)


def receive(pipe: BytePort, *, deadline: Deadline, settings: ReceiverSettings | None = None,
            progress: Callable[[Progress], None] | None = None, linger_s: float = 0.0) -> Received:
    """Receive what a sender has. ``linger_s``: how long a repeated EOT is answered afterwards, for a sender
    that missed our last ACK. Raises as ``send``."""
    receiver = Receiver(settings)
    clock = deadline.clock.monotonic
    now = began = clock()
    receiver.start(now)
    data = bytearray()
    end: Finished | Failed | None = None
    with _told_when_broken(pipe, receiver, deadline):
        while True:
            wire = receiver.outgoing()
            if wire:
                pipe.write(wire, deadline)
            if end is not None:
                break
            events, now = _next(pipe, receiver, now, deadline)
            for event in events:
                if isinstance(event, Taken):
                    began = began if data else now
                    data += event.data
                    if progress is not None:
                        progress(Progress(len(data), None, receiver.repeats, now - began))
            end = _end_of(events)
    if isinstance(end, Failed):
        raise _error(end, receiver.received, None)
    _linger(pipe, receiver, deadline.earlier(linger_s))
    return Received(bytes(data), receiver.check, receiver.repeats)


def _next(pipe: BytePort, machine: Sender | Receiver, now: float, deadline: Deadline
          ) -> tuple[list[Event], float]:
    """Read once, and let the time pass; what follows, and the instant."""
    clock = deadline.clock.monotonic
    due = deadline.at if machine.due is None else min(machine.due, deadline.at)
    try:
        heard = pipe.read(_REPLIES if isinstance(machine, Sender) else _LIMIT, max(0.0, due - now))
    except PortLost:
        return [_lost_at_end(machine)], clock()
    now = clock()
    events = machine.receive(heard, now) if heard else []
    if not heard or (machine.due is not None and machine.due <= now):
        events += machine.tick(now)
    if now >= deadline.at and _end_of(events) is None:
        done, total = ((machine.acknowledged, machine.total) if isinstance(machine, Sender)
                       else (machine.received, None))
        raise XmodemTimeout("the time given is over", done, total)
    return events, now


def _lost_at_end(machine: Sender | Receiver) -> Finished:
    """In an ``except PortLost``: the end, if only the ACK of EOT is missing."""
    if isinstance(machine, Sender) and machine.state is SenderState.EOT_SENT:
        return Finished(confirmed=False)
    raise


def _end_of(events: list[Event]) -> Finished | Failed | None:
    for event in events:
        if isinstance(event, Finished | Failed):
            return event
    return None


def _error(end: Failed, done: int, total: int | None) -> XmodemError:
    return _ERRORS[end.reason](end.reason.value, done, total, remedy=_REMEDIES.get(end.reason, ""))


def _linger(pipe: BytePort, receiver: Receiver, deadline: Deadline) -> None:
    while not deadline.expired:
        try:
            receiver.receive(pipe.read(_LIMIT, deadline.remaining), 0.0)
            if wire := receiver.outgoing():
                pipe.write(wire, deadline)
        except PortLost:
            return


@contextlib.contextmanager
def _told_when_broken(pipe: BytePort, machine: Sender | Receiver, deadline: Deadline) -> Iterator[None]:
    """Whatever ends the block early, the far side is told by CAN, so that it does not wait for more."""
    try:
        yield
    except PortLost:
        raise
    except BaseException:
        machine.cancel(deadline.clock.monotonic())
        if wire := machine.outgoing():
            with contextlib.suppress(Exception):
                pipe.write(wire, Deadline.after(_CANCEL_S, deadline.clock))
        raise
