"""What short message calls take and give, and whose failure a +CMS ERROR is."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.base.errors import FrameworkError, NetworkError, UnitError
from cellbench.host.errors import CmsError


class SmsStatus(enum.Enum):
    """Where a stored message stands (3GPP TS 27.005 3.1, <stat> of text mode)."""

    UNREAD = "REC UNREAD"
    READ = "REC READ"
    UNSENT = "STO UNSENT"
    SENT = "STO SENT"


class SmsAlphabet(enum.Enum):
    """How a message's data coding scheme says it is to be read (3GPP TS 23.038 4)."""

    GSM = "gsm"
    DATA = "8bit"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """A message of a store.

    ``party`` is the sender, or whom it is to; ``at`` the service centre's time stamp as printed, "" of one of
    our own; ``text`` None for data, and for a part of a longer message, whose octets with their header are in
    ``data``. ``first``, ``pid`` and ``dcs`` are those of the message's TPDU, ``centre`` its service centre.
    """

    store: str
    index: int
    status: SmsStatus
    party: str
    at: str
    text: str | None
    data: bytes
    first: int
    pid: int
    dcs: int
    centre: str

    @property
    def alphabet(self) -> SmsAlphabet:
        """The alphabet of its data coding scheme."""
        return alphabet_of(self.dcs)


@dataclass(frozen=True, slots=True)
class SmsReport:
    """A status report: for the message of ``reference`` to ``party``; ``status`` as 3GPP TS 23.040 9.2.3.15
    has it, below 32 the message has arrived."""

    index: int
    reference: int
    party: str
    at: str
    discharged: str
    status: int

    @property
    def arrived(self) -> bool:
        """True when the message has reached its receiver."""
        return self.status < 0x20


@dataclass(frozen=True, slots=True)
class SmsStore:
    """One of the three stores of +CPMS."""

    name: str
    used: int
    places: int


class SmsRefused(UnitError):
    """The module refuses a message; ``number`` is that of +CMS ERROR, None for an unknown text."""

    def __init__(self, message: str, number: int | None) -> None:
        super().__init__(message)
        self.number = number


class SmsNetworkError(NetworkError):
    """The network or its service centre does not take a message; ``number`` as above."""

    def __init__(self, message: str, number: int | None) -> None:
        super().__init__(message, remedy="look at the registration and the service centre (+CSCA)")
        self.number = number


_NETWORK = frozenset({*range(1, 256), *range(350, 374), 330, 331, 332, 512, 513, 538, 604, 605, 628})
"""+CMS ERROR numbers that the network or the way to it is the cause of: RP causes and TP-FCS (27.005 3.2.5),
service centre, no network, time-out, and the maker's copies of the network's causes."""


def send_failure(what: str, error: CmsError) -> SmsRefused | SmsNetworkError:
    """The error to raise for a message that was not sent."""
    said = f"{what}: {error.final.text}" + (f" ({error.text})" if error.text else "")
    if error.number in _NETWORK:
        return SmsNetworkError(said, error.number)
    return SmsRefused(said, error.number)


def alphabet_of(dcs: int) -> SmsAlphabet:
    """The alphabet of a data coding scheme (3GPP TS 23.038 4)."""
    if dcs >> 4 == 15:
        return SmsAlphabet.DATA if dcs & 4 else SmsAlphabet.GSM
    if dcs >> 4 == 14:
        return SmsAlphabet.UCS2
    if dcs & 0x80:
        return SmsAlphabet.GSM
    return (SmsAlphabet.GSM, SmsAlphabet.DATA, SmsAlphabet.UCS2, SmsAlphabet.GSM)[dcs >> 2 & 3]


_PLAIN = frozenset(chr(code) for code in range(32, 127)) - {"`"}
"""ASCII characters that the GSM alphabet has."""
_TWO = frozenset("^{}\\[~]|")
LONGEST_PLAIN, LONGEST_UCS2 = 160, 70


def is_plain(text: str) -> bool:
    """True for a text that IRA and the GSM alphabet both have."""
    return set(text) <= _PLAIN


def check_length(text: str) -> None:
    """FrameworkError for a text that does not go into one message."""
    if is_plain(text):
        length, most = len(text) + sum(char in _TWO for char in text), LONGEST_PLAIN
    else:
        length, most = len(text.encode("utf-16-be")) // 2, LONGEST_UCS2
    if not 0 < length <= most:
        raise FrameworkError(f"a text of {length} characters: one message takes 1 to {most}")
