"""Commands to a UICC (ETSI TS 102 221 10.1, 11.1), in the form of T=0: five octets of header, then data."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from cellbench.wire.uicc.errors import UnsendableApdu

CHANNELS = 20
"""Logical channels that a class byte can name, 0 to 19 (10.1.1)."""
PIN_DIGITS = range(4, 9)
"""How many digits a PIN has (9.5.1)."""
_PIN_OCTETS = 8
_LONGEST = 255
_SFI = range(1, 31)


class Ins(enum.IntEnum):
    """Instruction byte (10.1.2, Table 10.5)."""

    DEACTIVATE_FILE = 0x04
    TERMINAL_PROFILE = 0x10
    FETCH = 0x12
    TERMINAL_RESPONSE = 0x14
    VERIFY = 0x20
    CHANGE_PIN = 0x24
    DISABLE_PIN = 0x26
    ENABLE_PIN = 0x28
    UNBLOCK_PIN = 0x2C
    INCREASE = 0x32
    ACTIVATE_FILE = 0x44
    MANAGE_CHANNEL = 0x70
    GET_CHALLENGE = 0x84
    AUTHENTICATE = 0x88
    SEARCH_RECORD = 0xA2
    SELECT = 0xA4
    READ_BINARY = 0xB0
    READ_RECORD = 0xB2
    GET_RESPONSE = 0xC0
    ENVELOPE = 0xC2
    UPDATE_BINARY = 0xD6
    UPDATE_RECORD = 0xDC
    STATUS = 0xF2


_ETSI_CLASS = frozenset({Ins.STATUS, Ins.INCREASE, Ins.ENVELOPE, Ins.FETCH, Ins.TERMINAL_PROFILE,
                         Ins.TERMINAL_RESPONSE})
_KEYS = frozenset({Ins.VERIFY, Ins.CHANGE_PIN, Ins.DISABLE_PIN, Ins.ENABLE_PIN, Ins.UNBLOCK_PIN})


class Key(enum.IntEnum):
    """Key references (9.5.1, Table 9.3)."""

    PIN1 = 0x01
    ADM1 = 0x0A
    UNIVERSAL_PIN = 0x11
    PIN2 = 0x81


class RecordMode(enum.IntEnum):
    """How a record is named (11.1.5)."""

    NEXT = 2
    PREVIOUS = 3
    ABSOLUTE = 4


@dataclass(frozen=True, slots=True)
class Apdu:
    """One command. ``le`` is the number of octets expected, 1 to 256; None: none, or what GET RESPONSE
    brings."""

    ins: int
    p1: int = 0
    p2: int = 0
    data: bytes = b""
    le: int | None = None
    channel: int = 0

    def __post_init__(self) -> None:
        for name in ("ins", "p1", "p2"):
            if not 0 <= getattr(self, name) <= 255:
                raise UnsendableApdu(f"{name} is one octet, not {getattr(self, name)}")
        if len(self.data) > _LONGEST:
            raise UnsendableApdu(f"{len(self.data)} octets of data: a command takes {_LONGEST}")
        if self.le is not None and not 1 <= self.le <= 256:
            raise UnsendableApdu(f"Le is 1 to 256, not {self.le}")
        if not 0 <= self.channel < CHANNELS:
            raise UnsendableApdu(f"a logical channel is 0 to {CHANNELS - 1}, not {self.channel}")

    @property
    def cla(self) -> int:
        """Class byte: whose coding, and the logical channel (10.1.1)."""
        base = 0x80 if self.ins in _ETSI_CLASS else 0x00
        return base | self.channel if self.channel < 4 else base | 0x40 | (self.channel - 4)

    @property
    def octets(self) -> bytes:
        """As T=0 has it: P3 is the length of the data or, without any, of the answer (7.2.2)."""
        p3 = len(self.data) if self.data else (self.le or 0) % 256
        return bytes((self.cla, self.ins, self.p1, self.p2, p3)) + self.data

    @property
    def hex(self) -> str:
        """The same in hexadecimal, as +CSIM takes it."""
        return self.octets.hex().upper()

    @property
    def secret(self) -> str:
        """What must never be stored in clear, in hexadecimal: the PINs that a command carries."""
        return self.data.hex().upper() if self.ins in _KEYS else ""

    def on(self, channel: int) -> Apdu:
        """The same command on a logical channel."""
        return replace(self, channel=channel)

    def expecting(self, le: int) -> Apdu:
        """The same command with another length of the answer (after 6CXX)."""
        return replace(self, le=le or 256)


def select(file: int, *, fcp: bool = True) -> Apdu:
    """SELECT by file identifier (11.1.1)."""
    return Apdu(Ins.SELECT, 0x00, _wanted(fcp), _identifier(file))


def select_path(*files: int, fcp: bool = True) -> Apdu:
    """SELECT by path from the MF, which the path does not name (11.1.1.2)."""
    if not files:
        raise UnsendableApdu("a path names one file at least")
    return Apdu(Ins.SELECT, 0x08, _wanted(fcp), b"".join(_identifier(file) for file in files))


def select_application(aid: bytes, *, fcp: bool = True) -> Apdu:
    """SELECT by DF name (11.1.1.2); 5 to 16 octets, the first occurrence."""
    if not 5 <= len(aid) <= 16:
        raise UnsendableApdu(f"an application identifier has 5 to 16 octets, not {len(aid)}")
    return Apdu(Ins.SELECT, 0x04, _wanted(fcp), aid)


def status(le: int | None = 256) -> Apdu:
    """STATUS of the current directory with its file control parameters; ``le`` None: without any
    (11.1.2)."""
    return Apdu(Ins.STATUS, 0x00, 0x0C if le is None else 0x00, le=le)


def read_binary(le: int, offset: int = 0, *, sfi: int = 0) -> Apdu:
    """READ BINARY (11.1.3); with a short identifier the offset is one octet."""
    return Apdu(Ins.READ_BINARY, *_place(offset, sfi), le=le)


def update_binary(data: bytes, offset: int = 0, *, sfi: int = 0) -> Apdu:
    """UPDATE BINARY (11.1.4)."""
    return Apdu(Ins.UPDATE_BINARY, *_place(offset, sfi), data)


def read_record(record: int, le: int, mode: RecordMode = RecordMode.ABSOLUTE, *, sfi: int = 0) -> Apdu:
    """READ RECORD (11.1.5)."""
    return Apdu(Ins.READ_RECORD, record, _short(sfi) << 3 | mode, le=le)


def update_record(record: int, data: bytes, mode: RecordMode = RecordMode.ABSOLUTE, *, sfi: int = 0) -> Apdu:
    """UPDATE RECORD (11.1.6)."""
    return Apdu(Ins.UPDATE_RECORD, record, _short(sfi) << 3 | mode, data)


def search_record(pattern: bytes, record: int = 1, *, sfi: int = 0) -> Apdu:
    """SEARCH RECORD, simple, forward from a record (11.1.7)."""
    return Apdu(Ins.SEARCH_RECORD, record, _short(sfi) << 3 | 4, pattern)


def get_response(le: int) -> Apdu:
    """GET RESPONSE (12.1.1)."""
    return Apdu(Ins.GET_RESPONSE, le=le)


def open_channel() -> Apdu:
    """MANAGE CHANNEL, open; the card assigns the number (11.1.17). Le is 1: LENA-R8 guide, Table 46."""
    return Apdu(Ins.MANAGE_CHANNEL, 0x00, 0x00, le=1)


def close_channel(number: int) -> Apdu:
    """MANAGE CHANNEL, close, sent on the channel that it closes, as the guide's Table 46 does without."""
    if not 0 <= number < CHANNELS:
        raise UnsendableApdu(f"a logical channel is 0 to {CHANNELS - 1}, not {number}")
    return Apdu(Ins.MANAGE_CHANNEL, 0x80, number)


def verify(key: int, pin: str) -> Apdu:
    """VERIFY PIN (11.1.9)."""
    return Apdu(Ins.VERIFY, 0x00, key, pin_octets(pin))


def ask_tries(key: int) -> Apdu:
    """VERIFY PIN without data: 63CX tells the tries left and uses none up (11.1.9)."""
    return Apdu(Ins.VERIFY, 0x00, key)


def change_pin(key: int, old: str, new: str) -> Apdu:
    """CHANGE PIN (11.1.10)."""
    return Apdu(Ins.CHANGE_PIN, 0x00, key, pin_octets(old) + pin_octets(new))


def disable_pin(key: int, pin: str) -> Apdu:
    """DISABLE PIN (11.1.11)."""
    return Apdu(Ins.DISABLE_PIN, 0x00, key, pin_octets(pin))


def enable_pin(key: int, pin: str) -> Apdu:
    """ENABLE PIN (11.1.12)."""
    return Apdu(Ins.ENABLE_PIN, 0x00, key, pin_octets(pin))


def unblock_pin(key: int, puk: str, new: str) -> Apdu:
    """UNBLOCK PIN (11.1.13)."""
    return Apdu(Ins.UNBLOCK_PIN, 0x00, key, pin_octets(puk) + pin_octets(new))


def authenticate(rand: bytes, autn: bytes) -> Apdu:
    """AUTHENTICATE in the 3G context (11.1.16; 3GPP TS 31.102 7.1.2)."""
    if len(rand) != 16 or len(autn) != 16:
        raise UnsendableApdu(f"RAND and AUTN have 16 octets each, not {len(rand)} and {len(autn)}")
    return Apdu(Ins.AUTHENTICATE, 0x00, 0x81, bytes((16,)) + rand + bytes((16,)) + autn)


def pin_octets(pin: str) -> bytes:
    """A PIN or PUK as commands carry it: digits in ASCII, filled up with FF (9.5.1)."""
    if len(pin) not in PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
        raise UnsendableApdu("a PIN or PUK has 4 to 8 digits")
    return pin.encode("ascii").ljust(_PIN_OCTETS, b"\xff")


def _wanted(fcp: bool) -> int:
    return 0x04 if fcp else 0x0C


def _identifier(file: int) -> bytes:
    if not 0 <= file <= 0xFFFF:
        raise UnsendableApdu(f"a file identifier is two octets, not {file:#x}")
    return file.to_bytes(2, "big")


def _short(sfi: int) -> int:
    if sfi and sfi not in _SFI:
        raise UnsendableApdu(f"a short file identifier is 1 to 30, not {sfi}")
    return sfi


def _place(offset: int, sfi: int) -> tuple[int, int]:
    if _short(sfi):
        if not 0 <= offset <= 0xFF:
            raise UnsendableApdu(f"with a short identifier an offset is 0 to 255, not {offset}")
        return 0x80 | sfi, offset
    if not 0 <= offset <= 0x7FFF:
        raise UnsendableApdu(f"an offset is 0 to 32767, not {offset}")
    return offset >> 8, offset & 0xFF
