"""Asks a serial port whether AT is answered, as a host would: opens the device node and sends AT."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

AGAIN_S = 0.25
MAX_HEARD = 4096


async def answers_at(node: Path) -> None:
    """Return when the module behind ``node`` has answered OK to AT; asks again every ``AGAIN_S`` seconds.

    Raises OSError when the port vanishes meanwhile.
    """
    loop = asyncio.get_running_loop()
    fd = os.open(node, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    answered = asyncio.Event()
    heard = bytearray()

    def readable() -> None:
        try:
            heard.extend(os.read(fd, 4096))
        except OSError:
            loop.remove_reader(fd)  # gone: the next write raises
            return
        if b"OK\r" in heard:
            answered.set()
        del heard[:-MAX_HEARD]

    try:
        loop.add_reader(fd, readable)
        while not answered.is_set():
            os.write(fd, b"AT\r")
            try:
                await asyncio.wait_for(answered.wait(), AGAIN_S)
            except TimeoutError:
                continue
    finally:
        loop.remove_reader(fd)
        os.close(fd)
