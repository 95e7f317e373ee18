"""The sender, without I/O and without a clock: bytes and the time go in, events and bytes come out.

What it has to say is collected until ``outgoing`` takes it. ``due`` is the instant at which ``tick`` wants to
be called. ``prepare`` builds the next block while the receiver is busy with the last one.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.wire.xmodem.block import (
    ACK,
    CAN,
    CANCEL,
    CRC_WANTED,
    EOT,
    LONG,
    NAK,
    SHORT,
    STX,
    Check,
    Mode,
    encode,
    length_at,
)
from cellbench.wire.xmodem.errors import WrongUse
from cellbench.wire.xmodem.events import Event, Failed, Finished, Reason, Repeated
from cellbench.wire.xmodem.sending import TRANSITIONS, SenderAction, SenderInput, SenderState

_S, _I, _A = SenderState, SenderInput, SenderAction
_FAILS = {_I.NEVER_ASKED: Reason.NO_RECEIVER, _I.CAN_CAN: Reason.CANCELLED_BY_FAR_SIDE,
          _I.CANCEL: Reason.CANCELLED, _I.REFUSED_TOO_OFTEN: Reason.REFUSED,
          _I.SILENT_TOO_OFTEN: Reason.SILENT}
_OVER = frozenset({_S.FINISHED, _S.FAILED})
_ACK = bytes((ACK,))
_KEPT = 4096  # bytes behind the blocks that are kept for the port's next user


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """Times in seconds.

    ``start_s``: how long the start character is waited for (7.3.3: "say one minute"; LENA-R8 guide 11.1.1
    sends them for 109 s). ``reply_s``: the receiver drives the protocol and asks again after its own 10 s, so
    only a reply that is missing for longer makes us repeat a block. ``garbled_s``: a byte that is no reply
    was one, most likely; when nothing follows for so long, the block goes out again (7.3.3, Figure 10).
    ``settle_s``: silence after the ACK of a block that was sent more than once. ``eot_s``, ``eot_tries``:
    when EOT goes out again, and after how many the receiver is taken for gone; in all longer than the 10 s
    after which one that is there asks by itself, each longer than the silence that some want behind EOT
    (lrzsz: 3 s). ``tries``: for one block (7.3.1).
    """

    start_s: float = 120.0
    reply_s: float = 20.0
    garbled_s: float = 1.0
    settle_s: float = 0.5
    eot_s: float = 6.0
    eot_tries: int = 2
    tries: int = 10


class Sender:
    """Sends ``data`` once. ``acknowledged`` of ``total`` bytes have been taken by the receiver; ``check`` is
    None until the receiver has chosen; ``repeats`` counts what was sent again."""

    def __init__(self, data: bytes, mode: Mode = Mode.XMODEM_1K, settings: SenderSettings | None = None
                 ) -> None:
        self.mode = mode
        self.settings = settings or SenderSettings()
        self.state = _S.READY
        self.total = len(data)
        self.acknowledged = 0
        self.check: Check | None = None
        self.repeats = 0
        self.due: float | None = None
        self._data = data
        self._asked: Check | None = None  # the first start character; a NAK may then mean either check
        self._number = 1
        self._length = 0
        self._ahead: tuple[int, Check, bytes] | None = None
        self._sends = 0  # of this block or of EOT
        self._naks = 0
        self._unanswered = 0
        self._last = 0
        self._rest = bytearray()
        self._out: list[bytes] = []

    # -- what our user does --------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Wait for the receiver's start character from now on."""
        if self.state is not _S.READY:
            raise WrongUse("this sender was started already; a transfer takes a new one")
        self._move(_I.START, now)
        self.due = now + self.settings.start_s

    def cancel(self, now: float) -> list[Event]:
        """End the transfer; ``outgoing`` tells the receiver. Nothing happens when it is over."""
        return self._move(_I.CANCEL, now)

    def outgoing(self) -> bytes:
        """What is to be sent now; asked again, it is empty."""
        out = self._out
        if len(out) == 1:
            return out.pop()
        wire = b"".join(out)
        out.clear()
        return wire

    def prepare(self) -> None:
        """Build the block after the one that is under way."""
        at = self.acknowledged + self._length
        if self.state is _S.BLOCK_SENT and self._ahead is None and self.check is not None and at < self.total:
            length = length_at(self.total - at, self.mode, self.check)
            block = encode(self._number + 1, self._data[at:at + length], length, self.check)
            self._ahead = at, self.check, block

    # -- what happens --------------------------------------------------------------------------------------

    def receive(self, octets: bytes, now: float) -> list[Event]:
        """Bytes from the receiver; what they mean. What stands behind a reply came before our answer to it
        was out, so it is none (7.4: the sender tosses it)."""
        if octets == _ACK and self._sends == 1 and self._ahead is not None and self.state is _S.BLOCK_SENT:
            self._go_on(self._ahead, now)
            return []
        if self.state is _S.WAITING:
            return self._heard_start(octets, now)
        for place, octet in enumerate(octets):
            if octet == CAN == self._last:
                return self._move(_I.CAN_CAN, now)
            self._last = octet
            what = self._meaning(octet)
            if what is None:
                self._heard_other(octet, now)
                continue
            if self.state is _S.EOT_SENT and what is _I.ACK:
                self._rest = bytearray(octets[place + 1:])
            return self._move(what, now)
        return []

    def tick(self, now: float) -> list[Event]:
        """Time has passed; what follows from it."""
        if self.due is None or now < self.due:
            return []
        if self.state is _S.WAITING:
            return self._move(_I.NEVER_ASKED, now)
        if self.state is _S.SETTLING:
            return self._move(_I.QUIET_AT_END if self.acknowledged >= self.total else _I.QUIET, now)
        self._unanswered += 1
        most = self.settings.eot_tries if self.state is _S.EOT_SENT else self.settings.tries
        return self._move(_I.SILENT_TOO_OFTEN if self._unanswered >= most else _I.NO_REPLY, now)

    # -- inside --------------------------------------------------------------------------------------------

    def _go_on(self, ahead: tuple[int, Check, bytes], now: float) -> None:
        """The row of BLOCK_SENT and ACK, for the block that is ready: what nearly every ACK does, at a third
        of the time."""
        self.acknowledged = ahead[0]
        self._ahead = None
        self._length = LONG if ahead[2][0] == STX else SHORT
        self._number += 1
        self._naks = self._unanswered = 0
        self._last = ACK
        self._out.append(ahead[2])
        self.due = now + self.settings.reply_s

    def _heard_start(self, octets: bytes, now: float) -> list[Event]:
        """The receiver may have asked for a while: its last start character counts, and only where nothing
        stands behind it (its text may hold a C)."""
        if bytes((CAN, CAN)) in bytes((self._last,)) + octets:
            return self._move(_I.CAN_CAN, now)
        if not octets:
            return []
        self._last = octets[-1]
        if self._last not in (CRC_WANTED, NAK):
            return []
        if not self.total:
            return self._move(_I.NOTHING_TO_SEND, now)
        self._asked = Check.CRC if self._last == CRC_WANTED else Check.CHECKSUM
        return self._move(_I.CRC_WANTED if self._last == CRC_WANTED else _I.NAK, now)

    def _meaning(self, octet: int) -> SenderInput | None:
        if octet == ACK and self.state is _S.BLOCK_SENT:
            if self._sends > 1:
                return _I.ACK_OF_REPEAT
            return _I.ACK if self.acknowledged + self._length < self.total else _I.LAST_ACK
        if octet == ACK and self.state is _S.EOT_SENT:
            return _I.ACK
        first = self._number == 1 and self.acknowledged == 0
        if octet == NAK or (octet == CRC_WANTED and first and self.state is _S.BLOCK_SENT):
            if self._sends >= self.settings.tries:
                return _I.REFUSED_TOO_OFTEN
            return _I.NAK if octet == NAK else _I.CRC_WANTED
        return None

    def _heard_other(self, octet: int, now: float) -> None:
        if self.state is _S.EOT_SENT and len(self._rest) < _KEPT:
            self._rest.append(octet)
        if self.state in (_S.BLOCK_SENT, _S.EOT_SENT) and self.due is not None:
            self.due = min(self.due, now + self.settings.garbled_s)
        elif self.state is _S.SETTLING:
            self.due = now + self.settings.settle_s

    def _move(self, what: SenderInput, now: float) -> list[Event]:
        row = TRANSITIONS.get((self.state, what))
        if row is None:
            if self.state is _S.SETTLING:  # one more reply to a copy
                self.due = now + self.settings.settle_s
            return []
        before, (self.state, actions) = self.state, row
        if what is _I.NAK and before is _S.BLOCK_SENT:
            self._refused()
        found: list[Event] = []
        for action in actions:
            found += self._do(action, what, now)
        if self.state is _S.SETTLING:
            self.due = now + self.settings.settle_s
        elif self.state in _OVER:
            self.due = None
        return found

    def _refused(self) -> None:
        """8.2.2: before the first ACK, NAK may also be the start character of a receiver that has gone over
        to the checksum after its C. Every third time the other check is tried."""
        self._naks += 1
        if self.acknowledged == 0 and self._asked is Check.CRC and self._naks % 3 == 0:
            self._use(Check.CHECKSUM if self.check is Check.CRC else Check.CRC)

    def _do(self, action: SenderAction, what: SenderInput, now: float) -> list[Event]:
        if action is _A.NEXT_BLOCK:
            self._send_block(now)
        elif action is _A.END_OF_BLOCK:
            self.acknowledged = min(self.acknowledged + self._length, self.total)
            self._number += 1
            self._length = self._sends = self._naks = self._unanswered = 0
        elif action is _A.SEND_BLOCK:
            return self._send_block(now, what)
        elif action is _A.SEND_EOT:
            return self._send_eot(now, what)
        elif action is _A.USE_CRC:
            self._use(Check.CRC)
        elif action is _A.USE_CHECKSUM:
            self._use(Check.CHECKSUM)
        elif action is _A.SEND_CANCEL:
            self._out = [CANCEL]
        elif action is _A.TELL_FAILED:
            return [Failed(_FAILS[what])]
        else:
            return [Finished(action is _A.TELL_CONFIRMED, bytes(self._rest))]
        return []

    def _use(self, check: Check) -> None:
        if check is not self.check:
            self.check, self._ahead = check, None

    def _send_block(self, now: float, why: SenderInput | None = None) -> list[Event]:
        assert self.check is not None
        left = self.total - self.acknowledged
        self._length = length_at(left, self.mode, self.check)
        ahead = self._ahead
        if ahead is not None and ahead[0] == self.acknowledged and ahead[1] is self.check:
            block = ahead[2]
        else:
            block = encode(self._number, self._data[self.acknowledged:self.acknowledged + self._length],
                           self._length, self.check)
        # A block that is repeated is at hand until its ACK comes.
        self._ahead = (self.acknowledged, self.check, block) if self._sends else None
        self._out.append(block)
        self._sends += 1
        self.due = now + self.settings.reply_s
        if self._sends == 1 or why is None:
            return []
        self.repeats += 1
        return [Repeated(self._number, why.value)]

    def _send_eot(self, now: float, what: SenderInput) -> list[Event]:
        self._out.append(bytes((EOT,)))
        self._sends += 1
        self.due = now + self.settings.eot_s
        if what is _I.NAK:
            self._unanswered = 0
        if self._sends == 1:
            return []
        self.repeats += 1
        return [Repeated(None, what.value)]
