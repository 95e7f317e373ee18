"""Messages of the multiplexer control channel, DLCI 0 (3GPP TS 27.010 5.4.6): type, length, values."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from cellbench.wire.cmux.errors import WrongUse
from cellbench.wire.cmux.frame import EXTENSION

_COMMAND = 0x02  # the C/R bit of a type field; 1 in commands, whoever sends them (5.4.6.2)


class MessageType(enum.IntEnum):
    """Type fields with C/R 0 (5.4.6.3)."""

    PN = 0x81  # DLC parameter negotiation
    PSC = 0x41  # power saving control
    CLD = 0xC1  # multiplexer close down
    TEST = 0x21
    FCON = 0xA1  # aggregate flow on
    FCOFF = 0x61  # aggregate flow off
    MSC = 0xE1  # modem status
    NSC = 0x11  # non supported command, a response only
    RPN = 0x91  # remote port negotiation
    RLS = 0x51  # remote line status
    SNC = 0xD1  # service negotiation


class Message(NamedTuple):
    """One message; ``kind`` is the type field with C/R 0, which need not be a known one."""

    kind: int
    command: bool
    body: bytes


def encode(message: Message) -> bytes:
    """The information field of the frame that carries a message."""
    size = len(message.body)
    wire = bytearray((message.kind | (_COMMAND if message.command else 0),))
    while size > 0x7F:
        wire.append(size << 1 & 0xFE)
        size >>= 7
    wire.append(size << 1 | EXTENSION)
    return bytes(wire) + message.body


def decode(info: bytes) -> Message | None:
    """The message in an information field; None when there is none: 27.010 lets it be whole in one frame
    (5.4.6.1)."""
    if len(info) < 2 or not info[0] & EXTENSION:
        return None
    size, begin = 0, 1
    while begin < len(info):
        # seven bits in each octet of the length, unlike in the length indicator of a frame
        size |= info[begin] >> 1 << 7 * (begin - 1)
        begin += 1
        if info[begin - 1] & EXTENSION:
            break
    else:
        return None
    if len(info) != begin + size:
        return None
    return Message(info[0] & ~_COMMAND, bool(info[0] & _COMMAND), info[begin:])


@dataclass(frozen=True, slots=True)
class Signals:
    """The V.24 signals of a DLC as one side shows them (5.4.6.3.7, Table 10).

    ``rtc`` ready to communicate: DTR of the DTE, DSR of the DCE; ``rtr`` ready to receive: RTS, CTS (RFR);
    ``ic`` incoming call: RI; ``dv`` data valid: DCD. ``fc``: the side cannot take frames of this DLC.
    ``break_200ms`` is the length of a break in units of 200 ms, None without one.
    """

    fc: bool = False
    rtc: bool = True
    rtr: bool = True
    ic: bool = False
    dv: bool = True
    break_200ms: int | None = None

    def encode(self, dlci: int) -> bytes:
        """The value octets of MSC: address with C/R 1, signals, and break where there is one."""
        octet = EXTENSION | self.fc << 1 | self.rtc << 2 | self.rtr << 3 | self.ic << 6 | self.dv << 7
        address = dlci << 2 | 0x03
        if self.break_200ms is None:
            return bytes((address, octet))
        if not 0 <= self.break_200ms <= 15:
            raise WrongUse(f"a break of {self.break_200ms} units: 0 to 15 can be said")
        return bytes((address, octet & ~EXTENSION, EXTENSION | 0x02 | self.break_200ms << 4))


def signals_of(body: bytes) -> tuple[int, Signals] | None:
    """DLCI and signals of an MSC's value octets; None when they are none."""
    if len(body) not in (2, 3) or body[0] & 0x03 != 0x03:
        return None
    octet = body[1]
    if bool(octet & EXTENSION) is (len(body) == 3):
        return None
    interrupt = body[2] >> 4 if len(body) == 3 and body[2] & 0x02 else None
    return body[0] >> 2, Signals(bool(octet & 0x02), bool(octet & 0x04), bool(octet & 0x08),
                                 bool(octet & 0x40), bool(octet & 0x80), interrupt)


@dataclass(frozen=True, slots=True)
class DlcParameters:
    """What PN agrees for a DLC before it is set up (5.4.6.3.1); T1 in units of 10 ms."""

    dlci: int
    n1: int
    priority: int = 0
    t1: int = 10
    n2: int = 3
    window: int = 2
    frame_type: int = 0  # I1 to I4: 0 UIH, 1 UI, 2 I
    convergence: int = 0  # CL1 to CL4: 0 type 1

    def encode(self) -> bytes:
        """The eight value octets."""
        return bytes((self.dlci & 0x3F, self.frame_type | self.convergence << 4, self.priority & 0x3F,
                      self.t1, self.n1 & 0xFF, self.n1 >> 8, self.n2, self.window & 0x07))


def parameters_of(body: bytes) -> DlcParameters | None:
    """What a PN's value octets say; None when there are not eight."""
    if len(body) != 8:
        return None
    return DlcParameters(body[0] & 0x3F, body[4] | body[5] << 8, body[2] & 0x3F, body[3], body[6],
                         body[7] & 0x07, body[1] & 0x0F, body[1] >> 4)


class LineError(enum.IntEnum):
    """L1 to L4 of RLS (5.4.6.3.10): bit 1 says that there was one."""

    NONE = 0
    OVERRUN = 0b0011
    PARITY = 0b0101
    FRAMING = 0b1001


def line_status(dlci: int, error: LineError) -> bytes:
    """The value octets of RLS."""
    return bytes((dlci << 2 | 0x03, error))


RATES_BIT_S = (2400, 4800, 7200, 9600, 19200, 38400, 57600, 115200, 230400)
"""B1 to B8 of RPN count through these (5.4.6.3.9)."""


def port_settings(dlci: int, rate_bit_s: int = 115_200) -> bytes:
    """The value octets of RPN: 8N1 without flow control at this rate, which alone is asked to change."""
    try:
        rate = RATES_BIT_S.index(rate_bit_s)
    except ValueError:
        raise WrongUse(f"RPN cannot say {rate_bit_s} bit/s") from None
    return bytes((dlci << 2 | 0x03, rate, 0x03, 0x00, 0x11, 0x13, 0x01, 0x00))
