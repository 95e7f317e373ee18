"""The operator's short message service centre: from SUBMIT to DELIVER and STATUS REPORT (3GPP TS 23.040 3,
10)."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from cellbench.virtual.net.telephone.fields import (
    INTERNATIONAL,
    Address,
    Alphabet,
    relative_seconds,
)
from cellbench.virtual.net.telephone.tpdu import (
    HEADER,
    NO_MORE,
    REPLY_PATH,
    REPORT,
    REQUEST,
    Deliver,
    StatusReport,
    Submit,
    UserData,
    parts_of,
    readable,
    user_data,
)

if TYPE_CHECKING:
    from cellbench.virtual.net.telephone.network import TelephoneNetwork, Terminal

MEMORY_FULL = 22  # 24.011 8.2.5.4
DELIVERED, EXPIRED, REFUSED = 0x00, 0x46, 0x40  # TP-ST (9.2.3.15)
OWN = Address("390000000000", INTERNATIONAL)
_TRANSIT_S = 1.0
_SENT_KEPT = 50
_DCS = {Alphabet.GSM7: 0x00, Alphabet.DATA: 0x04, Alphabet.UCS2: 0x08}
_CLASS = 0x10


class CentreState(enum.Enum):
    """Whether the service centre answers."""

    UP = "up"
    SILENT = "silent"


class Unanswered(Exception):
    """The service centre does not answer."""


class Rejected(Exception):
    """The network or the service centre refuses a message; ``cause`` as 24.011 8.2.5.4 numbers it."""

    def __init__(self, cause: int) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a subscriber has sent."""

    sender: str
    to: str
    submit: Submit

    @property
    def text(self) -> str | None:
        """Its text, None of data."""
        return readable(self.submit.first, self.submit.coding, self.submit.data)


@dataclass(slots=True)
class _Waiting:
    """A message on its way; ``report`` is asked for by that number, for that reference."""

    deliver: Deliver | StatusReport
    report: tuple[str, int, Address] | None = None
    timer: asyncio.TimerHandle | None = None


class ServiceCentre:
    """Stores and forwards; messages for one subscriber keep their order."""

    def __init__(self, network: TelephoneNetwork) -> None:
        self._network = network
        self._waiting: dict[str, list[_Waiting]] = {}
        self._references = 0
        self.sent: deque[Sent] = deque(maxlen=_SENT_KEPT)
        self.state = CentreState.UP
        self.refusal: int | None = None

    def waiting(self, number: str) -> int:
        """How many messages wait for a subscriber."""
        return len(self._waiting.get(number, ()))

    def drop(self, number: str) -> None:
        """What waits for a subscriber is forgotten."""
        for one in self._waiting.pop(number, ()):
            _stop(one)

    # from a mobile
    def submit(self, terminal: Terminal, submit: Submit, quarters: int) -> None:
        """A subscriber sends; ``quarters`` is the zone of its network. Raises Rejected, Unanswered."""
        if self.state is CentreState.SILENT:
            raise Unanswered
        if self.refusal is not None:
            raise Rejected(self.refusal)
        now = _now(quarters)
        number = self._network.international(submit.to)
        self.sent.append(Sent(terminal.number, number, submit))
        first = submit.first & (HEADER | REPLY_PATH)
        sender = Address(terminal.number, INTERNATIONAL)
        asked = (terminal.number, submit.reference, submit.to) if submit.first & REQUEST else None
        deliver = Deliver(first | (REQUEST if asked else 0), sender, submit.pid, submit.dcs, now, submit.data)
        message = _Waiting(deliver, asked)
        other = self._network.terminal(number)
        if other is None:
            self._report(message, DELIVERED)  # a stranger has it at once
            return
        self._expire_later(terminal, message, number, submit)
        self._put(number, message)
        other.later(_TRANSIT_S, lambda: self.forward(number))

    def _expire_later(self, terminal: Terminal, message: _Waiting, number: str, submit: Submit) -> None:
        def expire() -> None:
            queue = self._waiting.get(number, [])
            if message in queue:
                queue.remove(message)
                self._report(message, EXPIRED)

        relative, until = submit.relative, submit.until
        if relative is not None:
            message.timer = terminal.later(relative_seconds(relative), expire)
        elif until is not None:
            left = max(0.0, (until - datetime.now(UTC)).total_seconds())
            message.timer = terminal.later(left, expire)

    # from outside
    def send(self, terminal: Terminal, sender: Address, text: str, *, number_class: int | None = None,
             data: bytes | None = None, quarters: int = 0) -> int:
        """A stranger sends a text, or octets, to a subscriber; in how many messages."""
        self._references = self._references % 255 + 1
        parts: list[tuple[int, Alphabet, UserData]]
        if data is not None:
            parts = [(0, Alphabet.DATA, user_data(Alphabet.DATA, data))]
        else:
            parts = parts_of(text, self._references)
        for first, alphabet, part in parts:
            dcs = _DCS[alphabet] | (0 if number_class is None else _CLASS | number_class)
            self._put(terminal.number, _Waiting(Deliver(first, sender, 0, dcs, _now(quarters), part)))
        self.forward(terminal.number)
        return len(parts)

    # to a mobile
    def _put(self, number: str, message: _Waiting) -> None:
        self._waiting.setdefault(number, []).append(message)

    def forward(self, number: str) -> None:
        """Try what waits for a subscriber, in its order."""
        terminal = self._network.terminal(number)
        queue = self._waiting.get(number)
        while terminal is not None and queue and terminal.reachable:
            message = queue[0]
            more = 0 if len(queue) > 1 else NO_MORE
            stamped = replace(message.deliver, first=message.deliver.first | more)
            cause = terminal.deliver(stamped.encode(), OWN)
            if cause == MEMORY_FULL:
                return
            queue.pop(0)
            _stop(message)
            self._report(message, DELIVERED if cause is None else REFUSED)

    def _report(self, message: _Waiting, status: int) -> None:
        if message.report is None or isinstance(message.deliver, StatusReport):
            return
        number, reference, to = message.report
        at = message.deliver.at
        report = StatusReport(REPORT, reference, to, at, datetime.now(UTC).astimezone(at.tzinfo), status)
        self._put(number, _Waiting(report))
        asker = self._network.terminal(number)
        if asker is not None:
            asker.later(_TRANSIT_S, lambda: self.forward(number))


def _stop(message: _Waiting) -> None:
    if message.timer is not None:
        message.timer.cancel()
        message.timer = None


def _now(quarters: int) -> datetime:
    return datetime.now(timezone(timedelta(minutes=15 * quarters))).replace(microsecond=0)
