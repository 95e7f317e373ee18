"""HDLC-like framing of PPP on an asynchronous line (RFC 1662): flags, escapes, FCS-16, field compression."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

FLAG, ESCAPE, XOR = 0x7E, 0x7D, 0x20
ALL_ESCAPED = 0xFFFFFFFF
"""The default Async-Control-Character-Map (RFC 1662 7.1)."""
ADDRESS_CONTROL = b"\xff\x03"
_LARGEST = 8192  # octets between two flags, escapes included, that are kept
_MIRROR = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
_ESCAPED = re.compile(b"\x7d(.)", re.DOTALL)


def fcs16(data: bytes) -> int:
    """The FCS-16 of RFC 1662 C.2, complemented; sent low octet first.

    RFC 1662 shifts towards the least significant bit, ``crc_hqx`` towards the most significant one, by the
    same polynomial: mirrored octets in, mirrored remainder out.
    """
    remainder = binascii.crc_hqx(data.translate(_MIRROR), 0xFFFF)
    return (_MIRROR[remainder & 0xFF] << 8 | _MIRROR[remainder >> 8]) ^ 0xFFFF


def check_octets(data: bytes) -> bytes:
    """The two octets of the frame check sequence in the order of the line."""
    return fcs16(data).to_bytes(2, "little")


def control_characters(accm: int) -> bytes:
    """The characters below 0x20 that a map names (RFC 1662 7.1: bit n is character n)."""
    return bytes(code for code in range(32) if accm >> code & 1)


@dataclass(frozen=True, slots=True)
class Sending:
    """What the peer wants of frames sent to it: the map, and which fields may be compressed."""

    accm: int = ALL_ESCAPED
    compress_protocol: bool = False
    compress_address: bool = False


PLAIN = Sending()
"""As every link begins, and as packets of LCP are always sent (RFC 1661 6.5, 6.6; RFC 1662 7.1)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stood between two flags: protocol field and information."""

    protocol: int
    information: bytes


def pattern(accm: int) -> re.Pattern[bytes]:
    """What must be escaped with a map: the flag, the escape itself, and the characters named."""
    return re.compile(b"[" + re.escape(bytes((FLAG, ESCAPE)) + control_characters(accm)) + b"]")


def _escape(found: re.Match[bytes]) -> bytes:
    return bytes((ESCAPE, found[0][0] ^ XOR))


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes((found[1][0] ^ XOR,))


class Encoder:
    """Frames for the peer; ``sending`` may change between frames."""

    def __init__(self) -> None:
        self._sending = PLAIN
        self._plain = self._pattern = pattern(ALL_ESCAPED)

    @property
    def sending(self) -> Sending:
        """What was negotiated."""
        return self._sending

    @sending.setter
    def sending(self, value: Sending) -> None:
        self._sending = value
        self._pattern = pattern(value.accm)

    def encode(self, protocol: int, information: bytes, *, plain: bool = False) -> bytes:
        """One frame with a flag at both ends; ``plain``: as if nothing was negotiated."""
        how = PLAIN if plain else self._sending
        head = b"" if how.compress_address else ADDRESS_CONTROL
        short = how.compress_protocol and protocol < 0x100
        body = head + protocol.to_bytes(1 if short else 2, "big") + information
        body += check_octets(body)
        body = (self._plain if plain else self._pattern).sub(_escape, body)
        return b"\x7e" + body + b"\x7e"


class Decoder:
    """Frames out of what comes, however it is split.

    ``accm`` is the map that the peer was asked for: characters in it were put in on the way and are removed
    (RFC 1662 4.2). ``damaged`` counts frames with a wrong check sequence, a wrong header or too long.
    """

    def __init__(self) -> None:
        self.accm = ALL_ESCAPED
        self.compressed_protocol = False
        self.compressed_address = False
        self.damaged = 0
        self._held = bytearray()
        self._begun = False
        self._skipping = False

    def receive(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes."""
        return list(self.frames(data))

    def frames(self, data: bytes) -> Iterator[Frame]:
        """The same one by one, each read by the options in force when it is asked for: what one frame settles
        holds for the next."""
        pieces = data.split(b"\x7e")
        for piece in pieces[:-1]:
            self._keep(piece)
            frame = self._frame()
            self._held.clear()
            self._begun, self._skipping = True, False
            if frame is not None:
                yield frame
        self._keep(pieces[-1])

    def _keep(self, piece: bytes) -> None:
        if self._skipping or not self._begun:
            return
        self._held += piece
        if len(self._held) > _LARGEST:
            self._skipping = True

    def _frame(self) -> Frame | None:
        """The frame that is held, None for nothing, an aborted or a damaged one."""
        if not self._held or self._held[-1] == ESCAPE:
            return None  # two flags in a row; escape and flag: the sender gave it up (RFC 1662 4.3)
        clean = self._held.translate(None, control_characters(self.accm))
        body = _ESCAPED.sub(_unescape, bytes(clean))
        frame = None
        if not self._skipping and len(body) >= 4 and check_octets(body[:-2]) == body[-2:]:
            frame = self._fields(body[:-2])
        if frame is None:
            self.damaged += 1
        return frame

    def _fields(self, body: bytes) -> Frame | None:
        if body.startswith(ADDRESS_CONTROL):
            body = body[2:]
        elif not self.compressed_address:
            return None
        if body and body[0] & 1 and self.compressed_protocol:
            return Frame(body[0], body[1:])
        if len(body) < 2 or body[0] & 1 or not body[1] & 1:
            return None  # RFC 1661 2: a protocol number is even, then odd
        return Frame(int.from_bytes(body[:2], "big"), body[2:])
