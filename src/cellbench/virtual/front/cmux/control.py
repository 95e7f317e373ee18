"""The control channel's messages as the responder takes and gives them (27.010 5.4.6.3, 5.4.7, 5.7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellbench.virtual.front.cmux.messages import Message, Signals, Type, decode, encode

if TYPE_CHECKING:
    from cellbench.virtual.front.cmux.machine import Responder

_ADDRESS = 0x03  # EA and the bit that is always set in a DLCI octet of a message
_PORT = bytes((9, 0x03, 0, 0x11, 0x13, 0, 0))
"""115200 bit/s, 8N1, no flow control, XON, XOFF, no mask: what an RPN request is answered with."""
_OPTIONAL: dict[int, str] = {Type.PN: "pn", Type.PSC: "psc", Type.RPN: "rpn", Type.RLS: "rls"}


@dataclass(slots=True)
class _Asked:
    """A command of ours that waits for its answer."""

    octets: bytes
    tries: int
    due: float


class ControlChannel:
    """DLCI 0 of a responder."""

    def __init__(self, link: Responder) -> None:
        self._link = link
        self._asked: dict[tuple[int, int], _Asked] = {}
        self._asleep = False

    # the peer's messages
    def receive(self, info: bytes, now: float) -> None:
        """The messages of one frame."""
        for message in decode(info):
            if message.command:
                self._command(message)
            else:
                self._answered(message)

    def wake(self) -> bool:
        """True when this is what wakes the multiplexer up: flags are to be sent back (5.4.7)."""
        asleep, self._asleep = self._asleep, False
        return asleep

    def _command(self, message: Message) -> None:
        kind, link = message.type, self._link
        name = _OPTIONAL.get(kind)
        if name is not None and name not in link.terms.optional:
            self._not_supported(message)
        elif kind == Type.CLD:
            self._answer(message, b"")
            link.down("CLD")
        elif kind == Type.TEST:
            self._answer(message, message.value)
        elif kind in (Type.FCON, Type.FCOFF):
            self._answer(message, b"")
            link.peer_flow(kind == Type.FCOFF)
        elif kind == Type.MSC:
            self._signals(message)
        elif name is not None:
            self._optional(message)
        else:
            self._not_supported(message)

    def _signals(self, message: Message) -> None:
        """MSC: two octets, or three with a break; the answer repeats them."""
        value, link = message.value, self._link
        if len(value) >= 2 and value[0] >> 2 in link.open_channels():
            self._answer(message, value)
            link.peer_signals(value[0] >> 2, Signals.of(value[1]))

    def _optional(self, message: Message) -> None:
        value = message.value
        if message.type == Type.PN and len(value) == 8:
            size = self._link.limit(value[0] & 0x3F, int.from_bytes(value[4:6], "little"))
            self._answer(message, value[:1] + b"\0" + value[2:4] + size.to_bytes(2, "little") + value[6:])
        elif message.type == Type.RPN and value:
            self._answer(message, value if len(value) == 8 else value[:1] + _PORT)
        elif message.type == Type.RLS and len(value) == 2:
            self._answer(message, value)
        elif message.type == Type.PSC:
            self._answer(message, b"")
            self._asleep = True

    def _answer(self, message: Message, value: bytes) -> None:
        self._link.send_control(encode(Message(message.type, False, value)))

    def _not_supported(self, message: Message) -> None:
        """NSC names the type octet as it came (5.4.6.3.8)."""
        octet = message.type | (0x02 if message.command else 0)
        self._link.send_control(encode(Message(Type.NSC, False, bytes((octet,)))))

    # our own messages
    def tell_signals(self, dlci: int, signals: Signals, now: float) -> None:
        """MSC of our own."""
        value = bytes((dlci << 2 | _ADDRESS, signals.octet))
        self._ask(Type.MSC, dlci, value, now)

    def tell_flow(self, stopped: bool, now: float) -> None:
        """FCoff or FCon of our own."""
        for kind in (Type.FCOFF, Type.FCON):
            self._asked.pop((kind, 0), None)
        self._ask(Type.FCOFF if stopped else Type.FCON, 0, b"", now)

    def tell_close(self, now: float) -> None:
        """CLD of our own."""
        self._ask(Type.CLD, 0, b"", now)

    def _ask(self, kind: Type, dlci: int, value: bytes, now: float) -> None:
        octets = encode(Message(kind, True, value))
        self._asked[kind, dlci] = _Asked(octets, 1, now + self._link.terms.t2_s)
        self._link.send_control(octets)

    def _answered(self, message: Message) -> None:
        kind, dlci = message.type, 0
        if kind == Type.NSC and message.value:  # the peer does not know it: no use to repeat it
            kind = message.value[0] & ~0x02 & 0xFF
            for key in [key for key in self._asked if key[0] == kind]:
                self._settle(key)
            return
        if kind == Type.MSC and message.value:
            dlci = message.value[0] >> 2
        self._settle((kind, dlci))

    def _settle(self, key: tuple[int, int]) -> None:
        if self._asked.pop(key, None) is not None and key[0] == Type.CLD:
            self._link.down("CLD of the module")

    def forget(self, dlci: int) -> None:
        """A channel is gone: what was asked about it needs no answer."""
        self._asked.pop((Type.MSC, dlci), None)

    # time
    def next_expiry(self) -> float | None:
        """When the next answer is overdue."""
        return min((one.due for one in self._asked.values()), default=None)

    def expire(self, now: float) -> None:
        """T2 is over: again, up to N2 times (5.7.3, 5.7.4)."""
        for key, one in list(self._asked.items()):
            if now < one.due or key not in self._asked:
                continue
            if one.tries <= self._link.terms.n2:
                one.tries += 1
                one.due = now + self._link.terms.t2_s
                self._link.send_control(one.octets)
                continue
            del self._asked[key]
            if key[0] == Type.CLD or self._link.terms.silence_closes:
                self._link.down("no answer on the control channel")
                return
