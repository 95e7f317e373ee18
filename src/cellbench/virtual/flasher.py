"""A stand-in for the maker's flashing tool: brings a full image to a virtual module in boot mode.

    python -m cellbench.virtual.flasher --port /dev/ttyACM0 IMAGE

Prints a line for each step (``progress N``) and ``Passed`` at the end. Exit codes: 0 passed, 2 wrong use, 3
no such port, 4 the module refuses the image, 5 the module does not answer or is gone, 6 no such image file.
"""

from __future__ import annotations

import argparse
import enum
import json
import os
import select
import sys
import time
import tty
from collections.abc import Sequence
from pathlib import Path

from cellbench.virtual.front.bootmode import MOST, VERSION, Frame, FrameReader, Type, encode

_ANSWER_S = 5.0
_HELLO_EVERY_S = 0.3
_HELLOS = 20
_READ = 65_536


class Exit(enum.IntEnum):
    """Exit codes."""

    PASSED = 0
    NO_PORT = 3
    REFUSED = 4
    SILENT = 5
    NO_IMAGE = 6


class Failed(Exception):
    """The flashing failed."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Port:
    """A device node, raw."""

    def __init__(self, path: str) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise Failed(Exit.NO_PORT, f"{path}: {error.strerror}") from None
        try:
            if os.isatty(self._fd):
                tty.setraw(self._fd)
        except OSError as error:
            os.close(self._fd)
            raise Failed(Exit.NO_PORT, f"{path}: {error.strerror}") from None
        self._reader = FrameReader()
        self._frames: list[Frame] = []

    def close(self) -> None:
        """Close the port."""
        os.close(self._fd)

    def send(self, frame: Frame) -> None:
        """A frame to the module."""
        data = encode(frame)
        deadline = time.monotonic() + _ANSWER_S
        while data:
            if not select.select([], [self._fd], [], max(0.0, deadline - time.monotonic()))[1]:
                raise Failed(Exit.SILENT, "the port takes no more data")
            try:
                data = data[os.write(self._fd, data) :]
            except OSError as error:
                raise Failed(Exit.SILENT, f"the port is gone: {error.strerror}") from None

    def receive(self, seconds: float) -> Frame | None:
        """The next frame, None when there is none within that time."""
        deadline = time.monotonic() + seconds
        while not self._frames:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                return None
            try:
                data = os.read(self._fd, _READ)
            except BlockingIOError:
                continue
            except OSError as error:
                raise Failed(Exit.SILENT, f"the port is gone: {error.strerror}") from None
            if not data:
                raise Failed(Exit.SILENT, "the port is gone")
            self._frames += self._reader.receive(data)
        return self._frames.pop(0)

    def answer(self, seconds: float = _ANSWER_S) -> Frame:
        """The module's answer; Failed when it refuses or says nothing."""
        frame = self.receive(seconds)
        while frame is not None and frame.type == Type.IDENTITY:
            frame = self.receive(seconds)  # of a HELLO that was answered late
        if frame is None:
            raise Failed(Exit.SILENT, "the module does not answer")
        if frame.type == Type.REFUSED:
            code, sentence = frame.payload[0], frame.payload[1:].decode("utf-8", "replace")
            raise Failed(Exit.REFUSED, f"refused with code {code}: {sentence}")
        return frame


def flash(port: Port, image: bytes, patience_s: float) -> None:
    """Bring an image to the module; Failed."""
    for _ in range(_HELLOS):
        port.send(Frame(Type.HELLO, bytes([VERSION])))
        found = port.receive(_HELLO_EVERY_S)
        if found is not None and found.type == Type.IDENTITY:
            break
    else:
        raise Failed(Exit.SILENT, "no module in boot mode answers here")
    facts = json.loads(found.payload)
    _say(f"connected {facts['series']} {facts['model']}")
    port.send(Frame(Type.BEGIN, len(image).to_bytes(4, "big")))
    port.answer()
    shown = -1
    for offset in range(0, len(image), MOST):
        port.send(Frame(Type.DATA, offset.to_bytes(4, "big") + image[offset : offset + MOST]))
        port.answer()
        percent = min(offset + MOST, len(image)) * 50 // len(image)
        if percent // 5 > shown // 5:
            shown = percent
            _say(f"progress {percent}")
    port.send(Frame(Type.END))
    while (frame := port.answer(patience_s)).type != Type.PASSED:
        if frame.type == Type.PROGRESS:
            _say(f"progress {50 + frame.payload[0] // 2}")
    _say(f"version {json.loads(frame.payload)['version']}")


def _say(text: str) -> None:
    print(text, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m cellbench.virtual.flasher",
                                     description="flash a virtual module in boot mode")
    parser.add_argument("--port", required=True, help="device node of 0525:A4A7")
    parser.add_argument("--patience", type=float, default=60.0, metavar="S",
                        help="longest silence while the module writes (default: 60)")
    parser.add_argument("image", type=Path, help="cellbench virtual package --kind full")
    wanted = parser.parse_args(arguments)
    try:
        image = wanted.image.read_bytes()
    except OSError as error:
        print(f"Failed: {wanted.image}: {error.strerror}", file=sys.stderr)
        return Exit.NO_IMAGE
    try:
        port = Port(wanted.port)
        try:
            flash(port, image, wanted.patience)
        finally:
            port.close()
    except Failed as failed:
        print(f"Failed: {failed}", file=sys.stderr)
        return failed.code
    _say("Passed")
    return Exit.PASSED


if __name__ == "__main__":
    sys.exit(main())
