"""What a UICC answers: data and a status word, with its meaning (ETSI TS 102 221 10.2.1)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType

from cellbench.wire.uicc.errors import MalformedAnswer


class Kind(enum.Enum):
    """Groups of status words, as the clauses of 10.2.1 have them."""

    NORMAL = "normal ending"
    POSTPONED = "postponed"
    WARNING = "warning"
    WRONG_LENGTH = "wrong length, the exact one is told"
    MORE = "response waits"
    EXECUTION = "execution error"
    CHECKING = "checking error"
    NOT_ALLOWED = "command not allowed"
    PARAMETERS = "wrong parameters"
    APPLICATION = "application error"
    UNKNOWN = "unknown"


MEANINGS = MappingProxyType({
    0x9000: "normal ending", 0x9300: "busy, the toolkit may be asked later",
    0x6200: "no information, memory unchanged", 0x6281: "part of the data may be corrupted",
    0x6282: "end of file or record before Le octets", 0x6283: "the file is deactivated",
    0x6285: "the file is in termination state", 0x62F1: "more data available",
    0x62F2: "more data available and a proactive command waits", 0x62F3: "response data available",
    0x63F1: "more data expected", 0x63F2: "more data expected and a proactive command waits",
    0x6400: "no information, memory unchanged", 0x6500: "no information, memory changed",
    0x6581: "memory problem",
    0x6700: "wrong length", 0x6800: "function in the class byte not supported",
    0x6881: "logical channel not supported", 0x6882: "secure messaging not supported",
    0x6900: "command not allowed", 0x6981: "command does not fit the file's structure",
    0x6982: "security status not satisfied", 0x6983: "the PIN is blocked",
    0x6984: "referenced data invalidated", 0x6985: "conditions of use not satisfied",
    0x6986: "command not allowed, no file selected", 0x6989: "security condition of a secure channel",
    0x6A80: "wrong data", 0x6A81: "function not supported", 0x6A82: "file not found",
    0x6A83: "record not found", 0x6A84: "not enough memory", 0x6A86: "wrong P1 or P2",
    0x6A87: "Lc does not fit P1 and P2", 0x6A88: "referenced data not found",
    0x6B00: "wrong P1 or P2", 0x6D00: "instruction not supported", 0x6E00: "class not supported",
    0x6F00: "technical problem",
    0x9850: "INCREASE: the greatest value is reached", 0x9862: "authentication error, wrong MAC",
    0x9863: "security session expired", 0x9864: "the least time of suspension is too long",
})
_KINDS = MappingProxyType({
    0x61: Kind.MORE, 0x62: Kind.WARNING, 0x63: Kind.WARNING, 0x64: Kind.EXECUTION, 0x65: Kind.EXECUTION,
    0x67: Kind.CHECKING, 0x68: Kind.CHECKING, 0x69: Kind.NOT_ALLOWED, 0x6A: Kind.PARAMETERS,
    0x6B: Kind.CHECKING, 0x6C: Kind.WRONG_LENGTH, 0x6D: Kind.CHECKING, 0x6E: Kind.CHECKING,
    0x6F: Kind.CHECKING, 0x90: Kind.NORMAL, 0x91: Kind.NORMAL, 0x92: Kind.NORMAL, 0x93: Kind.POSTPONED,
    0x98: Kind.APPLICATION,
})


@dataclass(frozen=True, slots=True)
class Status:
    """A status word."""

    sw1: int
    sw2: int

    @classmethod
    def of(cls, word: int) -> Status:
        """From both octets as one number."""
        return cls(word >> 8, word & 0xFF)

    @property
    def word(self) -> int:
        """Both octets as one number."""
        return self.sw1 << 8 | self.sw2

    @property
    def ok(self) -> bool:
        """True for a normal ending: 9000, 91XX (a proactive command waits), 92XX."""
        return self.word == 0x9000 or self.sw1 in (0x91, 0x92)

    @property
    def kind(self) -> Kind:
        """Its group."""
        return _KINDS.get(self.sw1, Kind.UNKNOWN)

    @property
    def tries(self) -> int | None:
        """Tries left, of 63CX and of a blocked PIN (6983); None for others."""
        if self.sw1 == 0x63 and self.sw2 >> 4 == 0xC:
            return self.sw2 & 0x0F
        return 0 if self.word == 0x6983 else None

    @property
    def meaning(self) -> str:
        """In words."""
        if self.tries is not None and self.word != 0x6983:
            return f"verification failed, {self.tries} tries left"
        if self.sw1 == 0x61:
            return f"{self.sw2 or 256} octets of response wait"
        if self.sw1 == 0x6C:
            return f"wrong length, {self.sw2 or 256} is exact"
        if self.sw1 == 0x91:
            return f"normal ending, a proactive command of {self.sw2 or 256} octets waits"
        if self.sw1 == 0x92:
            return "normal ending, a data transfer goes on"
        return MEANINGS.get(self.word, f"unknown ({self.kind.value})")

    def __str__(self) -> str:
        return f"{self.word:04X} ({self.meaning})"


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """What came back for one command."""

    data: bytes
    status: Status

    @property
    def ok(self) -> bool:
        """True for a normal ending."""
        return self.status.ok

    @property
    def hex(self) -> str:
        """Data and status word in hexadecimal."""
        return f"{self.data.hex().upper()}{self.status.word:04X}"


def parse_answer(octets: bytes) -> CardAnswer:
    """Data and status word of an answer; MalformedAnswer when there is no status word."""
    if len(octets) < 2:
        raise MalformedAnswer(f"an answer of {len(octets)} octets has no status word")
    status = Status(octets[-2], octets[-1])
    if not (0x61 <= status.sw1 <= 0x6F or 0x90 <= status.sw1 <= 0x9F):
        raise MalformedAnswer(f"{status.word:04X} is no status word (ISO/IEC 7816-4 5.6)")
    return CardAnswer(octets[:-2], status)
