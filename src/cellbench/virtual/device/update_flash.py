"""A module in boot mode: USB_BOOT was high at the start, the port 0525:A4A7 takes a full image (LENA-R8 guide
11.3). The image comes whole into memory and is checked; only then the old firmware is given up."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from cellbench.virtual.device import update_package
from cellbench.virtual.device.update import Stage
from cellbench.virtual.device.update_package import Fault, Kind, PackageFault
from cellbench.virtual.front.bootmode import VERSION, Frame, FrameReader, Refusal, Type, encode

if TYPE_CHECKING:
    from cellbench.virtual.device.faces import UsbFace
    from cellbench.virtual.device.module import Module

LARGEST = 64 * 1024 * 1024
_STEP = 5
_SENTENCES = {
    Fault.NO_PACKAGE: "this is no image", Fault.SIZE: "the image is not whole",
    Fault.CORRUPT: "the image is corrupt", Fault.SIGNATURE: "the image is not signed",
    Fault.WRONG_START: "the image is for another series",
}


class BootMode:
    """The boot mode of one start (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._face: UsbFace | None = None
        self._reader = FrameReader()
        self._size: int | None = None
        self._image = bytearray()
        self._writing: asyncio.Task[None] | None = None

    def attach(self, face: UsbFace) -> None:
        """The port that the flasher opens."""
        self._face = face
        face.taker = self._received

    def power_off(self) -> None:
        """The module goes off: what was being written stays unfinished."""
        if self._writing is not None:
            self._writing.cancel()

    def _send(self, kind: Type, payload: bytes = b"") -> None:
        if self._face is not None:
            self._face.send(encode(Frame(kind, payload)))

    def _refuse(self, code: int, sentence: str) -> None:
        self._size = None
        self._image.clear()
        self._send(Type.REFUSED, bytes([code]) + sentence.encode())

    def _received(self, data: bytes) -> None:
        for frame in self._reader.receive(data):
            self._frame(frame)

    def _frame(self, frame: Frame) -> None:
        if self._writing is not None:
            return  # it listens again once it has written
        if frame.type == Type.HELLO:
            self._identify()
        elif frame.type == Type.BEGIN and len(frame.payload) == 4:
            self._begin(int.from_bytes(frame.payload, "big"))
        elif frame.type == Type.DATA and self._size is not None and len(frame.payload) > 4:
            self._piece(int.from_bytes(frame.payload[:4], "big"), frame.payload[4:])
        elif frame.type == Type.END and self._size is not None:
            self._end()
        else:
            self._refuse(Refusal.ORDER, "not now")

    def _identify(self) -> None:
        self._size = None
        facts = {"series": self._module.profile.series.value, "model": self._module.config.model,
                 "protocol": VERSION}
        self._send(Type.IDENTITY, json.dumps(facts, sort_keys=True).encode())

    def _begin(self, size: int) -> None:
        if not 0 < size <= LARGEST:
            self._refuse(Refusal.TOO_LARGE, "the image is too large")
            return
        self._size = size
        self._image.clear()
        self._taken()

    def _piece(self, offset: int, data: bytes) -> None:
        if offset != len(self._image) or offset + len(data) > (self._size or 0):
            self._refuse(Refusal.OFFSET, "a piece is missing")
            return
        self._image += data
        self._taken()

    def _taken(self) -> None:
        self._send(Type.TAKEN, len(self._image).to_bytes(4, "big"))

    def _end(self) -> None:
        """Check the image; what fails leaves the old firmware as it is."""
        try:
            if len(self._image) != self._size:
                raise PackageFault(Fault.SIZE)
            package = update_package.read(bytes(self._image))
            if package.series is not self._module.profile.series or package.kind is not Kind.FULL:
                raise PackageFault(Fault.WRONG_START)
        except PackageFault as fault:
            self._refuse(int(fault.fault), _SENTENCES.get(fault.fault, str(fault)))
            return
        self._writing = self._module.pace.loop.create_task(self._write(package.end))

    async def _write(self, version: str) -> None:
        updater, pace = self._module.updater, self._module.pace
        updater.state.begin_flash(version)
        for percent in range(0, 101, _STEP):
            await updater.reach(Stage.FLASHING, percent)
            self._send(Type.PROGRESS, bytes([percent]))
            await pace.take(self._module.config.behaviour.flash_s * _STEP / 100)
        updater.state.flashed(version)
        updater.note(Stage.IDLE)
        self._size, self._writing = None, None
        self._send(Type.PASSED, json.dumps({"version": version}).encode())


def attach(module: Module) -> None:
    """The boot mode on the port for it, where the module shows one."""
    for face in module.usb_faces:
        if face.role == "fw-update":
            module.subsystem(BootMode).attach(face)


