"""Fields of the short message TPDUs: addresses, data coding, times (3GPP TS 23.040 9.1.2, 9.2.3; 23.038
4)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cellbench.virtual.net.telephone.alphabet import nearest_septets, pack, text_of, unpack

INTERNATIONAL, UNKNOWN, ALPHANUMERIC = 0x91, 0x81, 0xD0  # type of address, octets of 9.1.2.5
_DIGITS = "0123456789*#abc"
_TON = 0x70
_CENTURY = 2000


class Malformed(ValueError):
    """A TPDU that breaks the format."""


class Alphabet(enum.Enum):
    """How user data is to be read (23.038 4)."""

    GSM7 = "gsm"
    DATA = "8bit"
    UCS2 = "ucs2"


class Reader:
    """Octets from left to right; Malformed when there are too few."""

    __slots__ = ("_octets", "_place")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._place = 0

    @property
    def left(self) -> int:
        """How many octets are left."""
        return len(self._octets) - self._place

    def take(self, count: int) -> bytes:
        """The next ``count`` octets."""
        if count > self.left:
            raise Malformed(f"{count} octets wanted at {self._place}, {self.left} there")
        self._place += count
        return self._octets[self._place - count:self._place]

    def octet(self) -> int:
        """The next octet."""
        return self.take(1)[0]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)


@dataclass(frozen=True, slots=True)
class Address:
    """A number, or a name (``kind`` ALPHANUMERIC)."""

    digits: str
    kind: int = UNKNOWN

    @classmethod
    def of(cls, text: str) -> Address:
        """A number as people write it, "+" for international; anything else is a name."""
        body = text.removeprefix("+")
        if body and set(body) <= set(_DIGITS):
            return cls(body, INTERNATIONAL if text.startswith("+") else UNKNOWN)
        return cls(text, ALPHANUMERIC)

    @property
    def text(self) -> str:
        """As people write it."""
        return f"+{self.digits}" if self.kind & _TON == INTERNATIONAL & _TON else self.digits

    @property
    def named(self) -> bool:
        """True for a name."""
        return self.kind & _TON == ALPHANUMERIC & _TON


def swapped(digits: str) -> bytes:
    """Semi-octets, the first digit low, F at the end of an odd number (9.1.2.3)."""
    try:
        codes = [_DIGITS.index(digit) for digit in digits]
    except ValueError:
        raise Malformed(f"{digits!r} is no number") from None
    codes += [15] * (len(codes) % 2)
    return bytes(low | high << 4 for low, high in zip(codes[::2], codes[1::2], strict=True))


def unswapped(octets: bytes, count: int) -> str:
    """``count`` digits of semi-octets."""
    nibbles = [nibble for octet in octets for nibble in (octet & 15, octet >> 4)][:count]
    if 15 in nibbles:
        raise Malformed("a filler inside a number")
    return "".join(_DIGITS[nibble] for nibble in nibbles)


def put_address(address: Address) -> bytes:
    """An address field: length in semi-octets, type, digits (9.1.2.5)."""
    if address.named:
        codes = nearest_septets(address.digits)[:11]
        body = pack(codes)
        return bytes((-(-7 * len(codes) // 4), address.kind)) + body
    return bytes((len(address.digits), address.kind)) + swapped(address.digits)


def take_address(reader: Reader) -> Address:
    """An address field."""
    length, kind = reader.octet(), reader.octet()
    if length > 20 or not kind & 0x80:
        raise Malformed(f"an address of {length} digits and type {kind}")
    octets = reader.take((length + 1) // 2)
    if kind & _TON == ALPHANUMERIC & _TON:
        return Address(text_of(unpack(octets, length * 4 // 7)), kind)
    return Address(unswapped(octets, length), kind)


def put_centre(address: Address | None) -> bytes:
    """The service centre in front of a TPDU: length in octets with the type, type, digits (27.005 3.1,
    <pdu>); nothing but 0 for none."""
    if address is None:
        return b"\x00"
    digits = swapped(address.digits)
    return bytes((len(digits) + 1, address.kind)) + digits


def take_centre(reader: Reader) -> Address | None:
    """The service centre in front of a TPDU."""
    length = reader.octet()
    if length == 0:
        return None
    if length > 11:
        raise Malformed(f"a service centre of {length} octets")
    kind, octets = reader.octet(), reader.take(length - 1)
    count = len(octets) * 2 - int(bool(octets) and octets[-1] >> 4 == 15)
    return Address(unswapped(octets, count), kind)


# data coding (23.038 4)
@dataclass(frozen=True, slots=True)
class Coding:
    """What a data coding scheme says; ``number`` the message class, None without one."""

    alphabet: Alphabet
    number: int | None = None
    compressed: bool = False
    waiting: bool = False  # message waiting indication
    discard: bool = False  # such a one that need not be stored


def coding(dcs: int) -> Coding:
    """A data coding scheme; reserved ones are the default alphabet (4: "reserved codings shall be assumed to
    be the GSM 7 bit default alphabet")."""
    group = dcs >> 4
    if group < 8:
        alphabets = (Alphabet.GSM7, Alphabet.DATA, Alphabet.UCS2, Alphabet.GSM7)
        return Coding(alphabets[dcs >> 2 & 3], dcs & 3 if dcs & 0x10 else None, bool(dcs & 0x20))
    if group in (12, 13, 14):
        return Coding(Alphabet.UCS2 if group == 14 else Alphabet.GSM7, waiting=True, discard=group == 12)
    if group == 15:
        return Coding(Alphabet.DATA if dcs & 4 else Alphabet.GSM7, dcs & 3)
    return Coding(Alphabet.GSM7)


# times
def put_time(moment: datetime) -> bytes:
    """A service centre time stamp (9.2.3.11); ``moment`` has a zone."""
    quarters = int((moment.utcoffset() or timedelta()).total_seconds()) // 900
    digits = f"{moment:%y%m%d%H%M%S}"
    zone = f"{abs(quarters):02d}"
    low = int(zone[0]) | (8 if quarters < 0 else 0)
    return swapped(digits) + bytes((low | int(zone[1]) << 4,))


def take_time(octets: bytes) -> datetime:
    """A time stamp; Malformed for one that no calendar has."""
    try:
        year, month, day, hour, minute, second = (
            int(unswapped(octets[place:place + 1], 2)) for place in range(6))
        zone = octets[6]
        quarters = ((zone & 7) * 10 + (zone >> 4)) * (-1 if zone & 8 else 1)
        return datetime(_CENTURY + year, month, day, hour, minute, second,
                        tzinfo=timezone(timedelta(minutes=15 * quarters)))
    except (ValueError, IndexError):
        raise Malformed(f"no time: {octets.hex()}") from None


def time_text(moment: datetime) -> str:
    """``yy/MM/dd,hh:mm:ss+zz`` as AT commands write it, the zone in quarters of an hour (27.005 3.1)."""
    quarters = int((moment.utcoffset() or timedelta()).total_seconds()) // 900
    return f"{moment:%y/%m/%d,%H:%M:%S}{quarters:+03d}"


def time_from_text(text: str) -> datetime:
    """The reverse; Malformed."""
    try:
        plain, zone = text[:17], text[17:]
        moment = datetime.strptime(plain, "%y/%m/%d,%H:%M:%S")
        quarters = int(zone) if zone else 0
        if abs(quarters) > 79:
            raise ValueError(zone)
        return moment.replace(tzinfo=timezone(timedelta(minutes=15 * quarters)))
    except ValueError:
        raise Malformed(f"no time: {text!r}") from None


def relative_seconds(octet: int) -> float:
    """A relative validity period in seconds (9.2.3.12.1)."""
    if octet < 144:
        return (octet + 1) * 300.0
    if octet < 168:
        return 12 * 3600.0 + (octet - 143) * 1800.0
    if octet < 197:
        return (octet - 166) * 86400.0
    return (octet - 192) * 604800.0
