"""Messages of the control channel, DLCI 0 (27.010 5.4.6): type, length, value."""

from __future__ import annotations

import enum
from dataclasses import dataclass

EA, CR = 0x01, 0x02


class Type(enum.IntEnum):
    """Type field with EA set and the C/R bit cleared (5.4.6.3)."""

    PN = 0x81
    PSC = 0x41
    CLD = 0xC1
    TEST = 0x21
    FCON = 0xA1
    FCOFF = 0x61
    MSC = 0xE1
    NSC = 0x11
    RPN = 0x91
    RLS = 0x51
    SNC = 0xD1


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``type`` as it stands with the C/R bit cleared, known or not."""

    type: int
    command: bool
    value: bytes = b""


@dataclass(frozen=True, slots=True)
class Signals:
    """The V.24 signals octet of MSC (5.4.6.3.7) as its sender means it.

    From the DTE ``ready`` is DTR and ``receiving`` RTS; from the module they are DSR and CTS, ``ring`` is RI
    and ``carrier`` DCD. ``stopped``: the sender takes no frames of this channel.
    """

    stopped: bool = False
    ready: bool = True
    receiving: bool = True
    ring: bool = False
    carrier: bool = False

    @property
    def octet(self) -> int:
        """FC, RTC, RTR, IC and DV behind the EA bit."""
        bits = ((0x02, self.stopped), (0x04, self.ready), (0x08, self.receiving), (0x40, self.ring),
                (0x80, self.carrier))
        return EA | sum(bit for bit, on in bits if on)

    @classmethod
    def of(cls, octet: int) -> Signals:
        """The signals of an octet; its reserved bits do not matter."""
        return cls(bool(octet & 0x02), bool(octet & 0x04), bool(octet & 0x08), bool(octet & 0x40),
                   bool(octet & 0x80))


def encode(message: Message) -> bytes:
    """A message; the length takes as many octets of seven bits as it needs."""
    length, octets = len(message.value), bytearray()
    while length > 0x7F:
        octets.append(length << 1 & 0xFE)
        length >>= 7
    octets.append(length << 1 | EA)
    return bytes((message.type | (CR if message.command else 0),)) + bytes(octets) + message.value


def decode(info: bytes) -> list[Message]:
    """The messages of one frame; what is cut off at its end is left out."""
    found: list[Message] = []
    place = 0
    while place + 1 < len(info):
        head = info[place]
        place += 1
        length = shift = 0
        while True:
            if place >= len(info):
                return found
            octet = info[place]
            place += 1
            length |= octet >> 1 << shift
            shift += 7
            if octet & EA:
                break
        if place + length > len(info):
            return found
        found.append(Message(head & ~CR & 0xFF, bool(head & CR), info[place:place + length]))
        place += length
    return found
