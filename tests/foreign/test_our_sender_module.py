"""Our sender brings a package to a virtual module in update mode, as lrzsz's does in the file beside.

Here two of the ways; all of them, both lengths of block, both checks, clean and damaged, are in the
acceptance script xmodem_peers.
"""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from cellbench.base.clock import Deadline
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.modules.model import Known
from cellbench.catalogue.releases import newest
from cellbench.host.xmodem import Check, Mode, SenderSettings, Sent, send
from cellbench.io.serial_port import SerialPort
from cellbench.virtual.device.config import config_for
from cellbench.virtual.device.module import Input, Module
from cellbench.virtual.device.power import PowerState
from cellbench.virtual.device.update_package import fitting
from cellbench.virtual.world.world import load_world

from .test_lrzsz_module import LIMIT_S, QUICK, RATE, SIZE, WITH_CRC, WITH_SUM, Line, until

REPLIES = 25  # one of so many of the module's bytes is damaged


class TwoWays(Line):
    """The line of the file beside, which damages what the module says, too."""

    def __init__(self, module: Module, seed: int | None) -> None:
        super().__init__(module, seed)
        self._back = None if seed is None else random.Random(seed + 1)
        self.damaged = 0

    def _from_module(self, data: bytes, rate: int) -> None:
        if self._joined and self._back is not None and len(data) == 1 and not self._back.randrange(REPLIES):
            self.damaged += 1
            data = bytes((data[0] ^ 0x80,))
        super()._from_module(data, rate)


async def deliver_ours(home: Path, mode: Mode, check: Check, seed: int | None) -> tuple[str, Sent, int]:
    """What the module runs after the update, how the transfer went, and how many replies were damaged."""
    profile = profile_for(Series.LENA_R8)
    power = profile.power
    profile = replace(profile, power=replace(
        power, pwr_on_pulse_s=Known((0.05, 3.0), power.pwr_on_pulse_s.source)))
    facts = WITH_CRC if check is Check.CRC else WITH_SUM
    module = Module("m", profile, config_for(profile, load_world().raw, behaviour={**QUICK, **facts}),
                    home / "nvm.json")
    line = TwoWays(module, seed)
    port = SerialPort(os.ttyname(line.slave))
    module.set_supply(3.8)
    module.set_input(Input.PWR_ON, True)
    await asyncio.sleep(0.1)
    module.set_input(Input.PWR_ON, False)
    try:
        async with asyncio.timeout(LIMIT_S):
            while b"OK" not in line.said:
                module.uart.receive(b"AT\r", RATE)
                await asyncio.sleep(0.1)
        data = fitting(Series.LENA_R8, module.updater.version, size=SIZE)
        module.uart.receive(b"AT+UFWUPD=1,115200\r", RATE)
        await until(line, b"+UFWUPD: ONGOING\r\n")
        await until(line, b"ONGOING\r\nC" if check is Check.CRC else b"\x15")
        port.open()
        line.join()
        sent = await asyncio.to_thread(send, port, data, mode, deadline=Deadline.after(LIMIT_S),
                                       settings=SenderSettings(reply_s=3.0))
        await until(line, b"+UFWUPD: 100\r\n")
        async with asyncio.timeout(LIMIT_S):
            while module.power.state is not PowerState.RUNNING:
                await asyncio.sleep(0.01)
        return module.updater.version, sent, line.damaged
    finally:
        port.close()
        line.close()
        module.set_supply(0.0)
        await module.close()


@pytest.mark.parametrize(("mode", "check", "seed"), [
    (Mode.XMODEM_1K, Check.CRC, 7), (Mode.XMODEM, Check.CHECKSUM, None)],
    ids=["1k-crc-damaged", "128-sum-clean"])
def test_our_sender(tmp_path: Path, mode: Mode, check: Check, seed: int | None) -> None:
    version, sent, _ = asyncio.run(deliver_ours(tmp_path, mode, check, seed))
    assert version == newest(Series.LENA_R8).version
    assert sent.check is check
    assert (sent.repeats > 0) is (seed is not None)
