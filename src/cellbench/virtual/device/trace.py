"""What a module's trace ports stream while a host has them open.

The frames' outer form follows the chip makers' tools as far as public code tells it; what is inside is made
up: a counter, a time stamp and words. None of it is meant to be read by those tools. Evidence of all of it:
guess.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellbench.virtual.device.faces import UsbFace
    from cellbench.virtual.device.module import Module

PERIOD_S = 0.05
_FLAG, _ESCAPE, _FLIP = 0x7E, 0x7D, 0x20
_SYNC, _FLOW = 0xAD, 0x98
_WORDS = (b"RRC: idle", b"NAS: EMM registered", b"L1: cell 101 rsrp -92", b"AT: dispatch", b"PM: sleep")


def hdlc(payload: bytes) -> bytes:
    """A frame between flags with escapes (ISO/IEC 13239, asynchronous)."""
    stuffed = bytearray([_FLAG])
    for byte in payload:
        stuffed += bytes([_ESCAPE, byte ^ _FLIP]) if byte in (_FLAG, _ESCAPE) else bytes([byte])
    return bytes(stuffed) + bytes([_FLAG])


def synced(payload: bytes) -> bytes:
    """Sync byte, length in two bytes, flow, payload, exclusive or of flow and payload."""
    check = _FLOW
    for byte in payload:
        check ^= byte
    return bytes([_SYNC]) + (len(payload) + 1).to_bytes(2, "big") + bytes([_FLOW]) + payload + bytes([check])


FRAMES: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {"cp-trace": hdlc, "ap-trace": synced, "diag": hdlc})
"""How each trace role frames."""


class TraceStream:
    """One trace port: silent while closed, some frames every 50 ms while open."""

    def __init__(self, module: Module, face: UsbFace) -> None:
        self._module = module
        self._face = face
        self._frame = FRAMES[face.role]
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def opened(self, opened: bool) -> None:
        """A host opened or closed the port."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if opened:
            self._tick()

    def _tick(self) -> None:
        rate = self._module.config.behaviour.trace_byte_s
        burst = bytearray()
        while len(burst) < rate * PERIOD_S:
            stamp = int(self._module.pace.now() * 1e6) & 0xFFFFFFFF
            words = _WORDS[self._count % len(_WORDS)]
            head = self._count.to_bytes(4, "little") + stamp.to_bytes(4, "little")
            burst += self._frame(head + bytes([len(words)]) + words)
            self._count += 1
        if burst:
            self._face.send(bytes(burst))
        self._timer = self._module.pace.later_true(PERIOD_S, self._tick)


def attach(module: Module, face: UsbFace) -> None:
    """Give a trace port its stream."""
    if face.role in FRAMES:
        face.on_open = TraceStream(module, face).opened
