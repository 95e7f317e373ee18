"""PPP in HDLC-like framing on an asynchronous link (RFC 1662): octets to frames and back.

``Deframer`` survives any split of the bytes. Octets behind the last flag stay visible as ``open_octets``:
when the module leaves data mode, its result code stands there.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

FLAG = 0x7E
ESCAPE = 0x7D
ALL_STATIONS, UNNUMBERED = 0xFF, 0x03  # RFC 1662 3.1
DEFAULT_ACCM = 0xFFFF_FFFF  # RFC 1662 7.1: until LCP is open, every control octet is escaped
LONGEST = 4096
"""A longer run without a flag is no frame: the largest unit asked for is 1500 octets."""

_SHORTEST = 4  # RFC 1662 4.3: shorter frames are dropped without being counted as damaged
_FLIP = 0x20
_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
_ESCAPED = re.compile(rb"\x7d(.)", re.DOTALL)


def fcs16(data: bytes) -> int:
    """The 16-bit frame check sequence (RFC 1662 C.2); sent with its low octet first.

    It is the CRC of the CCITT polynomial with the bits of each octet, and of the result, reversed.
    """
    crc = binascii.crc_hqx(data.translate(_REVERSED), 0xFFFF) ^ 0xFFFF
    return _REVERSED[crc >> 8] | _REVERSED[crc & 0xFF] << 8


@dataclass(frozen=True, slots=True)
class Frame:
    """One good frame: the protocol's number (RFC 1661 2) and its information field."""

    protocol: int
    information: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """Octets between two flags that are no frame; ``why`` in words."""

    why: str
    octets: bytes


class Framer:
    """Frames to octets. ``accm``: control octets that the far end wants escaped; ``short_protocol`` and
    ``short_address``: what it agreed to have left out (RFC 1661 6.5, 6.6)."""

    __slots__ = ("_escapes", "accm", "short_address", "short_protocol")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As before any negotiation."""
        self.short_protocol = self.short_address = False
        self.set_accm(DEFAULT_ACCM)

    def set_accm(self, accm: int) -> None:
        """The control octets to escape, bit n for octet n (RFC 1662 7.1)."""
        self.accm = accm
        self._escapes = _escaping(accm)

    def encode(self, protocol: int, information: bytes, *, plain: bool = False) -> bytes:
        """One frame between two flags. ``plain``: in the form that holds before negotiation, as LCP's own
        packets are sent (RFC 1661 6.5, RFC 1662 7)."""
        head = b"" if self.short_address and not plain else bytes((ALL_STATIONS, UNNUMBERED))
        short = self.short_protocol and not plain and protocol <= 0xFF
        head += bytes((protocol,)) if short else protocol.to_bytes(2, "big")
        frame = head + information
        frame += fcs16(frame).to_bytes(2, "little")
        pattern = _DEFAULT_ESCAPES if plain else self._escapes
        return b"\x7e" + pattern.sub(_escape, frame) + b"\x7e"


class Deframer:
    """Octets to frames. ``accm``: control octets that the far end escapes; one that comes unescaped was put
    in on the way and is dropped (RFC 1662 4.2)."""

    __slots__ = ("_dropped", "_open", "_overlong", "accm", "damaged")

    def __init__(self) -> None:
        self._open = bytearray()
        self._overlong = False
        self.damaged = 0
        self.set_accm(DEFAULT_ACCM)

    def set_accm(self, accm: int) -> None:
        """The control octets that never come unescaped, bit n for octet n."""
        self.accm = accm
        self._dropped = bytes(octet for octet in range(32) if accm >> octet & 1)

    @property
    def open_octets(self) -> bytes:
        """What came behind the last flag, as it came."""
        return bytes(self._open)

    def reset(self) -> None:
        """Forget an unfinished frame: the stream begins anew."""
        self._open.clear()
        self._overlong = False

    def receive(self, data: bytes) -> Iterator[Frame | Damaged]:
        """The frames that these octets complete, and what is none. All have to be taken: each is read when
        it is asked for, so that an ACCM agreed on in one frame holds for the next."""
        self._open += data
        if FLAG not in data:
            self._bound()
            return
        *closed, rest = bytes(self._open).split(b"\x7e")
        self._open = bytearray(rest)
        for octets in closed:
            if self._overlong:
                self._overlong = False
            elif octets and (frame := self._frame(octets)) is not None:
                yield frame
        self._bound()

    def _bound(self) -> None:
        if len(self._open) > LONGEST:
            self._open.clear()
            self._overlong = True
            self.damaged += 1

    def _frame(self, octets: bytes) -> Frame | Damaged | None:
        if octets[-1] == ESCAPE:  # RFC 1662 4.3: an aborted frame
            return None
        plain = octets.translate(None, self._dropped) if self._dropped else octets
        if ESCAPE in plain:
            plain = _ESCAPED.sub(_unescape, plain)
        if len(plain) < _SHORTEST:
            return None
        if fcs16(plain[:-2]) != int.from_bytes(plain[-2:], "little"):
            return self._damage("wrong check sequence", octets)
        body = plain[:-2]
        if body[:2] == b"\xff\x03":
            body = body[2:]
        if not body:
            return self._damage("no protocol field", octets)
        # RFC 1661 2: the last octet of the protocol field is odd, the first of two is even
        if body[0] & 1:
            return Frame(body[0], body[1:])
        if len(body) < 2 or not body[1] & 1:
            return self._damage("a protocol number that cannot be", octets)
        return Frame(body[0] << 8 | body[1], body[2:])

    def _damage(self, why: str, octets: bytes) -> Damaged:
        self.damaged += 1
        return Damaged(why, octets)


def _escaping(accm: int) -> re.Pattern[bytes]:
    octets = [octet for octet in range(32) if accm >> octet & 1] + [ESCAPE, FLAG]
    return re.compile(b"[" + b"".join(b"\\x%02x" % octet for octet in octets) + b"]")


_DEFAULT_ESCAPES = _escaping(DEFAULT_ACCM)


def stuffed(octets: bytes) -> bytes:
    """Octets as they stand on the line before anything is agreed on."""
    return _DEFAULT_ESCAPES.sub(_escape, octets)


def _escape(found: re.Match[bytes]) -> bytes:
    return bytes((ESCAPE, found.group()[0] ^ _FLIP))


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes((found.group(1)[0] ^ _FLIP,))
