"""TPDUs of the short message service: SUBMIT, DELIVER, STATUS REPORT (3GPP TS 23.040 9.2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cellbench.virtual.net.telephone.alphabet import pack, septets, text_of, unpack
from cellbench.virtual.net.telephone.fields import (
    Address,
    Alphabet,
    Coding,
    Malformed,
    Reader,
    coding,
    put_address,
    put_time,
    take_address,
    take_time,
)

DELIVER, SUBMIT, REPORT = 0, 1, 2  # TP-MTI; REPORT as the mobile reads it (9.2.3.1)
HEADER, REQUEST, REPLY_PATH = 0x40, 0x20, 0x80  # TP-UDHI, TP-SRR or TP-SRI, TP-RP
NO_MORE = 0x04  # TP-MMS (9.2.3.2)
MAX_OCTETS = 140
MAX_SEPTETS = 160
_ENHANCED, _RELATIVE, _ABSOLUTE = 1, 2, 3  # TP-VPF (9.2.3.3)
_VALIDITY_OCTETS = (0, 7, 1, 7)
_CONCATENATED_8, _CONCATENATED_16 = 0x00, 0x08


@dataclass(frozen=True, slots=True)
class UserData:
    """TP-UDL and TP-UD: ``length`` counts septets or octets, as the data coding has it."""

    length: int
    octets: bytes

    def header(self, first: int) -> bytes:
        """The user data header without its length octet; empty without one. Malformed."""
        if not first & HEADER or not self.octets:
            return b""
        size = self.octets[0]
        if size + 1 > len(self.octets):
            raise Malformed(f"a header of {size} octets in {len(self.octets)}")
        return self.octets[1:size + 1]

    def septets(self, first: int) -> bytes:
        """The septets behind the header."""
        header = len(self.header(first)) + 1 if first & HEADER else 0
        lost = -(-8 * header // 7)
        return unpack(self.octets[header:], max(0, self.length - lost), 7 * lost - 8 * header)

    def body(self, first: int) -> bytes:
        """The octets behind the header."""
        return self.octets[len(self.header(first)) + 1 if first & HEADER else 0:]


def user_data(alphabet: Alphabet, body: bytes, header: bytes = b"") -> UserData:
    """User data of septets (one in each byte) or octets behind a header (without its length octet);
    Malformed when it is too long."""
    front = bytes((len(header),)) + header if header else b""
    if alphabet is not Alphabet.GSM7:
        octets = front + body
        if len(octets) > MAX_OCTETS:
            raise Malformed(f"{len(octets)} octets of user data")
        return UserData(len(octets), octets)
    lost = -(-8 * len(front) // 7)
    if lost + len(body) > MAX_SEPTETS:
        raise Malformed(f"{lost + len(body)} septets of user data")
    return UserData(lost + len(body), front + pack(body, 7 * lost - 8 * len(front)))


def take_user_data(reader: Reader, alphabet: Alphabet) -> UserData:
    """TP-UDL and TP-UD at the end of a TPDU."""
    length = reader.octet()
    count = -(-7 * length // 8) if alphabet is Alphabet.GSM7 else length
    if length > (MAX_SEPTETS if alphabet is Alphabet.GSM7 else MAX_OCTETS):
        raise Malformed(f"a user data length of {length}")
    octets = reader.take(count)
    if reader.left:
        raise Malformed(f"{reader.left} octets behind the user data")
    return UserData(length, octets)


@dataclass(frozen=True, slots=True)
class Submit:
    """SMS-SUBMIT (9.2.2.2); ``validity`` are the octets of TP-VP."""

    first: int
    reference: int
    to: Address
    pid: int
    dcs: int
    validity: bytes
    data: UserData

    @property
    def coding(self) -> Coding:
        """What the data coding scheme says."""
        return coding(self.dcs)

    @property
    def relative(self) -> int | None:
        """A relative validity period, None for another."""
        return self.validity[0] if self.first >> 3 & 3 == _RELATIVE else None

    @property
    def until(self) -> datetime | None:
        """An absolute validity period, None for another."""
        return take_time(self.validity) if self.first >> 3 & 3 == _ABSOLUTE else None

    def encode(self) -> bytes:
        """The TPDU."""
        return (bytes((self.first, self.reference)) + put_address(self.to) + bytes((self.pid, self.dcs))
                + self.validity + bytes((self.data.length,)) + self.data.octets)

    @classmethod
    def decode(cls, octets: bytes) -> Submit:
        """Malformed when it is none."""
        reader = Reader(octets)
        first = reader.octet()
        if first & 3 != SUBMIT:
            raise Malformed(f"first octet {first:#04x} is no SUBMIT")
        reference, to, pid, dcs = reader.octet(), take_address(reader), reader.octet(), reader.octet()
        validity = reader.take(_VALIDITY_OCTETS[first >> 3 & 3])
        data = take_user_data(reader, coding(dcs).alphabet)
        data.header(first)
        return cls(first, reference, to, pid, dcs, validity, data)


@dataclass(frozen=True, slots=True)
class Deliver:
    """SMS-DELIVER (9.2.2.1)."""

    first: int
    sender: Address
    pid: int
    dcs: int
    at: datetime
    data: UserData

    @property
    def coding(self) -> Coding:
        """What the data coding scheme says."""
        return coding(self.dcs)

    def encode(self) -> bytes:
        """The TPDU."""
        return (bytes((self.first,)) + put_address(self.sender) + bytes((self.pid, self.dcs))
                + put_time(self.at) + bytes((self.data.length,)) + self.data.octets)

    @classmethod
    def decode(cls, octets: bytes) -> Deliver:
        """Malformed when it is none."""
        reader = Reader(octets)
        first = reader.octet()
        if first & 3 != DELIVER:
            raise Malformed(f"first octet {first:#04x} is no DELIVER")
        sender, pid, dcs = take_address(reader), reader.octet(), reader.octet()
        at = take_time(reader.take(7))
        data = take_user_data(reader, coding(dcs).alphabet)
        data.header(first)
        return cls(first, sender, pid, dcs, at, data)


@dataclass(frozen=True, slots=True)
class StatusReport:
    """SMS-STATUS-REPORT (9.2.2.3); what may follow TP-ST is left out."""

    first: int
    reference: int
    to: Address
    at: datetime
    discharged: datetime
    status: int

    def encode(self) -> bytes:
        """The TPDU."""
        return (bytes((self.first, self.reference)) + put_address(self.to) + put_time(self.at)
                + put_time(self.discharged) + bytes((self.status,)))

    @classmethod
    def decode(cls, octets: bytes) -> StatusReport:
        """Malformed when it is none."""
        reader = Reader(octets)
        first = reader.octet()
        if first & 3 != REPORT:
            raise Malformed(f"first octet {first:#04x} is no STATUS REPORT")
        reference, to = reader.octet(), take_address(reader)
        at, discharged = take_time(reader.take(7)), take_time(reader.take(7))
        return cls(first, reference, to, at, discharged, reader.octet())


Tpdu = Submit | Deliver | StatusReport


def decode(octets: bytes, *, stored_for_sending: bool = False) -> Tpdu:
    """The TPDU of any kind that a module keeps. Malformed."""
    if not octets:
        raise Malformed("an empty TPDU")
    kind = octets[0] & 3
    if kind == REPORT:
        return StatusReport.decode(octets)
    if kind == SUBMIT:
        return Submit.decode(octets)
    if stored_for_sending:
        raise Malformed("a DELIVER is not sent by a mobile")
    return Deliver.decode(octets)


def readable(first: int, scheme: Coding, data: UserData) -> str | None:
    """The text of user data; None for data that is none."""
    if scheme.compressed:
        return None
    if scheme.alphabet is Alphabet.GSM7:
        return text_of(data.septets(first))
    if scheme.alphabet is Alphabet.UCS2:
        return data.body(first).decode("utf-16-be", "replace")
    return None


def parts_of(text: str, reference: int) -> list[tuple[int, Alphabet, UserData]]:
    """A text as one message or several that belong together (9.2.3.24.1): first octet's header bit, alphabet,
    user data of each."""
    codes = septets(text)
    if codes is not None:
        alphabet, whole, size = Alphabet.GSM7, codes, MAX_SEPTETS
    else:
        alphabet, whole, size = Alphabet.UCS2, text.encode("utf-16-be"), MAX_OCTETS
    if len(whole) <= size:
        return [(0, alphabet, user_data(alphabet, whole))]
    pieces = _pieces(whole, alphabet)
    if len(pieces) > 255:
        raise Malformed(f"a text of {len(pieces)} messages")
    return [(HEADER, alphabet,
             user_data(alphabet, piece, bytes((_CONCATENATED_8, 3, reference & 255, len(pieces), number))))
            for number, piece in enumerate(pieces, 1)]


def _pieces(whole: bytes, alphabet: Alphabet) -> list[bytes]:
    """Cut where no escape sequence and no surrogate pair is torn."""
    size = 153 if alphabet is Alphabet.GSM7 else 134
    found: list[bytes] = []
    while whole:
        cut = min(size, len(whole))
        if cut < len(whole) and alphabet is Alphabet.GSM7 and whole[cut - 1] == 27:
            cut -= 1
        elif cut < len(whole) and alphabet is Alphabet.UCS2 and 0xD8 <= whole[cut - 2] < 0xDC:
            cut -= 2
        found.append(whole[:cut])
        whole = whole[cut:]
    return found


def concatenation(header: bytes) -> tuple[int, int, int] | None:
    """Reference, number of parts and place of a message that is part of a longer one; None of one that is
    not (9.2.3.24.1, 9.2.3.24.8)."""
    place = 0
    while place + 1 < len(header):
        name, size = header[place], header[place + 1]
        body = header[place + 2:place + 2 + size]
        if name == _CONCATENATED_8 and len(body) == 3:
            return body[0], body[1], body[2]
        if name == _CONCATENATED_16 and len(body) == 4:
            return body[0] << 8 | body[1], body[2], body[3]
        place += 2 + size
    return None
