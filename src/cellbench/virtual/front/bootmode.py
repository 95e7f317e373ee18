"""The download protocol of the boot mode, made up for the virtual modules (docs/firmware-packages.md); the
chip maker's own is not public. Frames both ways; the flasher asks, the module answers.

A frame: B7, type, length of the payload (two bytes), payload, CRC-32 over type, length and payload. Numbers
are big-endian.
"""

from __future__ import annotations

import enum
import zlib
from dataclasses import dataclass

START = 0xB7
_HEAD, _CHECK = 4, 4
MOST = 4096
"""Longest piece of an image in one frame, in bytes."""
VERSION = 1


class Type(enum.IntEnum):
    """Kinds of frames; the module's have the highest bit set."""

    HELLO = 0x01  # version
    BEGIN = 0x02  # size of the image, four bytes
    DATA = 0x03  # offset, four bytes, then at most MOST bytes
    END = 0x04
    IDENTITY = 0x81  # JSON: series, model, version of the protocol
    TAKEN = 0x82  # number of bytes there are now, four bytes
    PROGRESS = 0x83  # percent written, one byte
    PASSED = 0x84  # JSON: version of the new firmware
    REFUSED = 0x8F  # code, one byte, and a sentence


class Refusal(enum.IntEnum):
    """Codes of REFUSED; what a package is refused for has its own code (update_package.Fault)."""

    ORDER = 1  # the frame has no place here
    OFFSET = 2  # a piece that does not follow the last one
    TOO_LARGE = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame."""

    type: int
    payload: bytes = b""


def encode(frame: Frame) -> bytes:
    """The bytes of a frame."""
    body = bytes([frame.type]) + len(frame.payload).to_bytes(2, "big") + frame.payload
    return bytes([START]) + body + zlib.crc32(body).to_bytes(_CHECK, "big")


class FrameReader:
    """Frames out of bytes; what is damaged is skipped up to the next start."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Frame]:
        """Bytes as they come; the frames that are whole now."""
        self._buffer += data
        found: list[Frame] = []
        while True:
            place = self._buffer.find(START)
            del self._buffer[: len(self._buffer) if place < 0 else place]
            if len(self._buffer) < _HEAD:
                return found
            length = int.from_bytes(self._buffer[2:4], "big")
            if length > MOST + 4:
                del self._buffer[0]
                continue
            if len(self._buffer) < _HEAD + length + _CHECK:
                return found
            body = bytes(self._buffer[1 : _HEAD + length])
            check = int.from_bytes(self._buffer[_HEAD + length : _HEAD + length + _CHECK], "big")
            if zlib.crc32(body) != check:
                del self._buffer[0]
                continue
            found.append(Frame(body[0], body[3:]))
            del self._buffer[: _HEAD + length + _CHECK]
