"""The receiver, without I/O and without a clock: bytes and the time go in, events and bytes come out.

What it has to say is collected until ``outgoing`` takes it. ``due`` is the instant at which ``tick`` wants to
be called.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.wire.xmodem.block import (
    ACK,
    CAN,
    CANCEL,
    CRC_WANTED,
    EOT,
    HEAD,
    LONG,
    NAK,
    SHORT,
    SOH,
    STX,
    Check,
    number_of,
    size_on_wire,
)
from cellbench.wire.xmodem.errors import WrongUse
from cellbench.wire.xmodem.events import Event, Failed, Finished, Reason, Taken
from cellbench.wire.xmodem.receiving import TRANSITIONS, ReceiverAction, ReceiverInput, ReceiverState

_S, _I, _A = ReceiverState, ReceiverInput, ReceiverAction
_FAILS = {_I.WINDOWS_OVER: Reason.NO_SENDER, _I.SILENT_TOO_OFTEN: Reason.SILENT,
          _I.DAMAGED_TOO_OFTEN: Reason.DAMAGED, _I.STRANGE: Reason.OUT_OF_STEP,
          _I.IS_CANCEL: Reason.CANCELLED_BY_FAR_SIDE, _I.CANCEL: Reason.CANCELLED}
_BACKSPACE = 0x08

Window = tuple[Check, float]
"""A start character (C for CRC, NAK for the checksum) and the seconds that an answer to it is waited for."""

STANDARD: tuple[Window, ...] = ((Check.CRC, 3.0),) * 4 + ((Check.CHECKSUM, 10.0),) * 10
"""8.3 Figure 13 and 7.3.1."""
CHECKSUM_ONLY: tuple[Window, ...] = ((Check.CHECKSUM, 10.0),) * 10
U_BLOX: tuple[Window, ...] = ((Check.CRC, 3.0),) * 3 + ((Check.CHECKSUM, 10.0),) * 10
"""LENA-R8 guide 11.1.1: 109 s in all."""


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """Times in seconds: ``block_s`` until the next block begins, ``octet_s`` inside a block, ``purge_s`` of
    silence until the line counts as clear, at most ``purge_most_s``; ``ending_s`` of silence behind EOT or
    CAN. ``tries``: for one block (7.3.1)."""

    windows: tuple[Window, ...] = STANDARD
    block_s: float = 10.0
    octet_s: float = 1.0
    purge_s: float = 1.0
    purge_most_s: float = 10.0
    ending_s: float = 0.5
    tries: int = 10


class Receiver:
    """Receives once. ``received`` counts the bytes taken, padding included; ``check`` is the last start
    character's choice; ``repeats`` counts how often a block was asked for again."""

    def __init__(self, settings: ReceiverSettings | None = None) -> None:
        self.settings = settings or ReceiverSettings()
        self.state = _S.READY
        self.received = 0
        self.repeats = 0
        self.check = self.settings.windows[0][0]
        self.due: float | None = None
        self._window = -1
        self._next = 1
        self._begun = False  # a block has come
        self._errors = 0
        self._clear_by = 0.0
        self._heard = bytearray()
        self._out: list[bytes] = []

    # -- what our user does --------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Ask for the first block."""
        if self.state is not _S.READY:
            raise WrongUse("this receiver was started already; a transfer takes a new one")
        self._move(_I.START, now)

    def cancel(self, now: float) -> list[Event]:
        """End the transfer; ``outgoing`` tells the sender. Nothing happens when it is over."""
        return self._move(_I.CANCEL, now)

    def outgoing(self) -> bytes:
        """What is to be sent now; asked again, it is empty."""
        wire = b"".join(self._out)
        self._out.clear()
        return wire

    # -- what happens --------------------------------------------------------------------------------------

    def receive(self, octets: bytes, now: float) -> list[Event]:
        """Bytes from the sender; what they mean."""
        self._heard += octets
        found: list[Event] = []
        while self._heard:
            before = len(self._heard), self.state
            found += self._listen(now)
            if (len(self._heard), self.state) == before:
                break
        return found

    def tick(self, now: float) -> list[Event]:
        """Time has passed; what follows from it."""
        if self.due is None or now < self.due:
            return []
        if self.state is _S.IN_BLOCK:
            block, size = bytes(self._heard), self._size()
            self._heard.clear()
            return self._block(block, now) if len(block) == size else self._error(_I.STOPPED, now)
        if self.state is _S.PURGING:
            return self._error(_I.CLEAR, now)
        if self.state is _S.JUDGING:
            return self._judge(now)
        if self.state is _S.STARTING:
            over = self._window + 1 >= len(self.settings.windows)
            return self._move(_I.WINDOWS_OVER if over else _I.TIMEOUT, now)
        self._errors += 1
        return self._move(_I.SILENT_TOO_OFTEN if self._errors >= self.settings.tries else _I.TIMEOUT, now)

    # -- inside --------------------------------------------------------------------------------------------

    def _listen(self, now: float) -> list[Event]:
        """Take what can be taken from the bytes heard."""
        heard = self._heard
        if self.state in (_S.STARTING, _S.WAITING):
            first = heard[0]
            if first in (SOH, STX):
                return self._move(_I.HEAD, now)
            return self._move(_I.ENDING if first in (EOT, CAN) else _I.OTHER, now)
        if self.state is _S.IN_BLOCK:
            size = self._size()
            if len(heard) >= size and not self._unsure:
                block = bytes(heard[:size])
                del heard[:size]
                return self._block(block, now)
            self.due = now + (self.settings.ending_s if len(heard) >= size else self.settings.octet_s)
        elif self.state is _S.JUDGING:
            self.due = now + self.settings.ending_s
            if not self._may_end():
                return self._move(_I.OTHER, now)
        elif self.state is _S.PURGING:
            heard.clear()
            self.due = min(now + self.settings.purge_s, self._clear_by)
        elif self.state is _S.FINISHED and heard[0] == EOT:
            heard.clear()
            return self._move(_I.ENDING, now)
        else:
            heard.clear()
        return []

    @property
    def _unsure(self) -> bool:
        """8.2.2: a sender may still answer our C when we have gone over to NAK. Its block with CRC, less a
        byte, looks like one with the checksum in one of 256 cases: the first block must end in time."""
        return not self._begun and self.check is Check.CHECKSUM and self.settings.windows[0][0] is Check.CRC

    def _size(self) -> int:
        return size_on_wire(LONG if self._heard[0] == STX else SHORT, self.check)

    def _block(self, block: bytes, now: float) -> list[Event]:
        number = number_of(block, self.check)
        if number is None:
            return self._move(_I.BAD, now)
        if number == self._next & 0xFF:
            self._payload = block[HEAD:-self.check.value]
            return self._move(_I.GOOD, now)
        return self._move(_I.AGAIN if self._begun and number == (self._next - 1) & 0xFF else _I.STRANGE, now)

    _payload = b""

    def _may_end(self) -> bool:
        """True while the bytes heard can be EOT alone, or a row of CANs (backspaces may follow them)."""
        if self._heard[0] == EOT:
            return all(octet == EOT for octet in self._heard)
        return not bytes(self._heard).lstrip(bytes((CAN,))).strip(bytes((_BACKSPACE,)))

    def _judge(self, now: float) -> list[Event]:
        heard = bytes(self._heard)
        self._heard.clear()
        if heard[0] == EOT:
            return self._move(_I.IS_EOT, now)
        if heard.startswith(bytes((CAN, CAN))):
            return self._move(_I.IS_CANCEL, now)
        return self._error(_I.CLEAR, now)

    def _error(self, what: ReceiverInput, now: float) -> list[Event]:
        self._errors += 1
        if self._errors >= self.settings.tries:
            return self._move(_I.DAMAGED_TOO_OFTEN, now)
        return self._move(what, now)

    def _move(self, what: ReceiverInput, now: float) -> list[Event]:
        row = TRANSITIONS.get(self.state, {}).get(what)
        if row is None:
            return []
        after, actions = row
        found: list[Event] = []
        for action in actions:
            found += self._do(action, what)
        if after is _S.WAITING and not self._begun:
            after = _S.STARTING
        self.state = after
        self._set_timer(now)
        return found

    def _set_timer(self, now: float) -> None:
        settings = self.settings
        if self.state is _S.STARTING:
            self.due = now + settings.windows[self._window][1]
        elif self.state is _S.WAITING:
            self.due = now + settings.block_s
        elif self.state is _S.IN_BLOCK:
            self.due = now + settings.octet_s
        elif self.state is _S.JUDGING:
            self.due = now + settings.ending_s
        elif self.state is _S.PURGING:
            self._clear_by = now + settings.purge_most_s
            self.due = now + settings.purge_s
        else:
            self.due = None

    def _do(self, action: ReceiverAction, what: ReceiverInput) -> list[Event]:
        if action is _A.ACK:
            self._out.append(bytes((ACK,)))
        elif action is _A.ASK_NEXT:
            self._window += 1
            self.check = self.settings.windows[self._window][0]
            self._ask_first()
        elif action is _A.ASK:
            self.repeats += 1
            if self._begun:
                self._out.append(bytes((NAK,)))
            else:
                self._ask_first()
        elif action is _A.TAKE:
            self._next += 1
            self._begun = True
            self._errors = 0
            self.received += len(self._payload)
            return [Taken(self._payload)]
        elif action is _A.SEND_CANCEL:
            self._out = [CANCEL]
        elif action is _A.TELL_FINISHED:
            return [Finished()]
        else:
            return [Failed(_FAILS[what])]
        return []

    def _ask_first(self) -> None:
        self._out.append(bytes((CRC_WANTED if self.check is Check.CRC else NAK,)))
