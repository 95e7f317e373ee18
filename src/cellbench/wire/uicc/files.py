"""Files that a terminal knows by their identifiers (ETSI TS 102 221 13, 3GPP TS 31.102 4.2)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.wire.uicc.codec import decode_plmn
from cellbench.wire.uicc.errors import MalformedAnswer

USIM = bytes.fromhex("A0000000871002")
"""How the name of every USIM application begins (ETSI TS 101 220 annex E)."""
ISIM = bytes.fromhex("A0000000871004")
"""The same of ISIM."""


class FileId(enum.IntEnum):
    """File identifiers."""

    MF = 0x3F00
    USIM = 0x7FFF  # the application that is active
    DIR = 0x2F00
    PL = 0x2F05
    ICCID = 0x2FE2
    IMSI = 0x6F07
    HPPLMN = 0x6F31
    SMS = 0x6F3C
    MSISDN = 0x6F40
    SPN = 0x6F46
    PLMN_ACT = 0x6F60
    OPLMN_ACT = 0x6F61
    HPLMN_ACT = 0x6F62
    PSLOCI = 0x6F73
    FPLMN = 0x6F7B
    LOCI = 0x6F7E
    AD = 0x6FAD
    ECC = 0x6FB7
    EHPLMN = 0x6FD9
    EPSLOCI = 0x6FE3


SIZES = {FileId.LOCI: 11, FileId.PSLOCI: 14, FileId.EPSLOCI: 18, FileId.IMSI: 9, FileId.ICCID: 10}
"""Octets of files whose size 31.102 fixes (4.2.2, 4.2.17, 4.2.23, 4.2.91), and of EF_ICCID."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a subscriber was last registered. ``plmn`` is "" when it is not known; ``status`` 0 is updated,
    1 not updated, 2 PLMN not allowed (EPSLOCI: roaming not allowed), 3 area not allowed."""

    plmn: str
    area: int
    status: int


_AREAS = {FileId.LOCI: (4, 10), FileId.PSLOCI: (7, 13), FileId.EPSLOCI: (12, 17)}


def decode_location(file: int, octets: bytes) -> Location:
    """EF_LOCI, EF_PSLOCI or EF_EPSLOCI (31.102 4.2.17, 4.2.23, 4.2.91)."""
    if file not in _AREAS or len(octets) < SIZES[FileId(file)]:
        raise MalformedAnswer(f"file {file:04X} with {len(octets)} octets holds no location")
    area, status = _AREAS[FileId(file)]
    return Location(decode_plmn(octets[area:area + 3]), int.from_bytes(octets[area + 3:area + 5], "big"),
                    octets[status] & 0x07)


def decode_mnc_length(octets: bytes) -> int | None:
    """Digits of the MNC in the IMSI, from EF_AD (31.102 4.2.18); None when the file does not say."""
    if len(octets) < 4:
        return None
    digits = octets[3] & 0x0F
    return digits if digits in (2, 3) else None
