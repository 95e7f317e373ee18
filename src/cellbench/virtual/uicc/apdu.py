"""Command and response as the card sees them on T=0: a header of five bytes, then data (10.1)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

HEADER = 5
INTERINDUSTRY, ETSI = 0x00, 0x80


class Sw(enum.IntEnum):
    """Status words of 10.2.1; those with a number in them are made by the functions below."""

    OK = 0x9000  # 10.2.1.1
    NOT_FOUND_IN_RECORDS = 0x6282  # 10.2.1.3: unsuccessful search
    INVALIDATED = 0x6283  # 10.2.1.3: selected file invalidated
    WRONG_LENGTH = 0x6700  # 10.2.1.5
    NO_CHANNEL = 0x6881  # 10.2.1.5.1
    NO_SECURE_MESSAGING = 0x6882  # 10.2.1.5.1
    STRUCTURE = 0x6981  # 10.2.1.5.2: incompatible with the file's structure
    SECURITY = 0x6982  # 10.2.1.5.2: security status not satisfied
    BLOCKED = 0x6983  # 10.2.1.5.2: PIN blocked
    REFERENCED_INVALID = 0x6984  # 10.2.1.5.2: referenced data invalidated
    CONDITIONS = 0x6985  # 10.2.1.5.2: conditions of use not satisfied
    NO_EF = 0x6986  # 10.2.1.5.2: no EF selected
    BAD_DATA = 0x6A80  # 10.2.1.5.3
    NO_FUNCTION = 0x6A81  # 10.2.1.5.3
    FILE_NOT_FOUND = 0x6A82  # 10.2.1.5.3
    RECORD_NOT_FOUND = 0x6A83  # 10.2.1.5.3
    BAD_P1P2 = 0x6A86  # 10.2.1.5.3
    DATA_NOT_FOUND = 0x6A88  # 10.2.1.5.3
    WRONG_P1P2 = 0x6B00  # 10.2.1.5
    INSTRUCTION = 0x6D00  # 10.2.1.5
    CLASS = 0x6E00  # 10.2.1.5
    MAXIMUM = 0x9850  # 10.2.1.6: INCREASE cannot be performed
    AUTHENTICATION = 0x9862  # 10.2.1.6: authentication error, application specific (wrong MAC)
    NO_CONTEXT = 0x9864  # 3GPP TS 31.102 7.3.1: security context not supported


def tries(left: int) -> int:
    """63CX: the verification failed, or was asked about; X tries are left (10.2.1.3)."""
    return 0x63C0 + left


def more(size: int) -> int:
    """61XX: so many bytes wait for GET RESPONSE, 00 for 256 (7.3.1.1.4)."""
    return 0x6100 + (size & 0xFF)


def exact(size: int) -> int:
    """6CXX: wrong length, this one would be right (10.2.1.5)."""
    return 0x6C00 + (size & 0xFF)


class Refused(Exception):
    """A command that ends with a status word and no data."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


@dataclass(frozen=True, slots=True)
class Reply:
    """Data and a normal ending; ``sw`` may be a warning that has data with it."""

    data: bytes = b""
    sw: int = Sw.OK


@dataclass(frozen=True, slots=True)
class Command:
    """One command of T=0. ``p3`` is the length of ``data``, or of what is expected (10.1.5, 10.1.6)."""

    cla: int
    ins: int
    p1: int
    p2: int
    p3: int
    data: bytes = b""

    @property
    def channel(self) -> int:
        """The logical channel in the class byte: 0 to 3, or 4 to 19 (10.1.1, tables 10.3 and 10.4)."""
        return 4 + (self.cla & 0x0F) if self.cla & 0x40 else self.cla & 0x03

    @property
    def base(self) -> int:
        """The class without its channel: INTERINDUSTRY or ETSI."""
        return self.cla & 0x80

    @property
    def secured(self) -> bool:
        """True when the class byte asks for secure messaging (table 10.3)."""
        return bool(self.cla & 0x20) if self.cla & 0x40 else bool(self.cla & 0x0C)

    @property
    def known_class(self) -> bool:
        """False for classes outside 0X, 4X, 6X, 8X, CX and EX (table 10.3), such as A0 of a SIM."""
        return self.cla >> 4 in (0x0, 0x4, 0x6, 0x8, 0xC, 0xE)

    @property
    def expected(self) -> int:
        """``p3`` as the length of a response: 00 stands for 256 (10.1.6)."""
        return self.p3 or 256


def parsed(raw: bytes) -> Command:
    """The command in ``raw``; four bytes alone have P3 = 00 on T=0 (7.3.1.1.1). Refused when shorter."""
    if len(raw) < HEADER - 1:
        raise Refused(Sw.WRONG_LENGTH)
    header = raw[:HEADER].ljust(HEADER, b"\0")
    cla, ins, p1, p2, p3 = header
    return Command(cla, ins, p1, p2, p3, raw[HEADER:])
