"""lrzsz's sender brings a package to a virtual module in update mode (LENA-R8 guide 11.1.1): with CRC where
it starts on a C, with the sum where it starts on a NAK; on a clean line and on one that damages 1 % of the
bytes.

The damage comes in hits, as on a real line: of each 6400 bytes 64 in a row are inverted. Single bytes at that
rate would leave no block whole that lrzsz sends again ten times.
"""

from __future__ import annotations

import asyncio
import os
import pty
import random
import shutil
import tty
from dataclasses import replace
from pathlib import Path

import pytest

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.modules.model import Known
from cellbench.catalogue.releases import newest
from cellbench.virtual.device.config import config_for
from cellbench.virtual.device.module import Input, Module
from cellbench.virtual.device.power import PowerState
from cellbench.virtual.device.update_package import fitting
from cellbench.virtual.world.world import load_world

SIZE = 12_800
LIMIT_S = 60.0
STRETCH, HIT = 6400, 64
RATE = 115_200
QUICK = {"update_check_s": 1.0, "update_write_s": 1.0, "update_silent_s": 1.0, "fs_bytes": 100_000}
WITH_CRC = {"foat_crc_s": 500.0}  # at fast timing 10 s for each C: a loaded machine starts on one
WITH_SUM = {"foat_crc_s": 0.05, "foat_nak_s": 500.0}


class Line:
    """A pseudo terminal between lrzsz and the module's UART."""

    def __init__(self, module: Module, seed: int | None) -> None:
        self._module = module
        self._dice = None if seed is None else random.Random(seed)
        self._passed = 0
        self._hit = self._place()
        self._master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self._master, False)
        self.said = bytearray()
        self._joined = False
        module.uart.transmit = self._from_module

    def _place(self) -> int:
        return -1 if self._dice is None else self._dice.randrange(STRETCH - HIT)

    def join(self) -> None:
        """From now on the two hear one another."""
        self._joined = True
        os.write(self._master, bytes(self.said[-1:]))  # the last call, which came before
        asyncio.get_running_loop().add_reader(self._master, self._from_sender)

    def _from_module(self, data: bytes, rate: int) -> None:
        self.said += data
        if self._joined:
            os.write(self._master, data)

    def _from_sender(self) -> None:
        data = bytearray(os.read(self._master, 4096))
        for place in range(len(data)):
            self._passed += 1
            inside = self._passed % STRETCH
            if not inside:
                self._hit = self._place()
            if self._hit >= 0 and self._hit <= inside < self._hit + HIT:
                data[place] ^= 0xFF
        self._module.uart.receive(bytes(data), RATE)

    def close(self) -> None:
        """Both ends."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self.slave)


async def until(line: Line, text: bytes) -> None:
    async with asyncio.timeout(LIMIT_S):
        while text not in line.said:
            await asyncio.sleep(0.01)


async def deliver(home: Path, options: list[str], facts: dict[str, object], call: bytes,
                  seed: int | None) -> tuple[str, str]:
    """What the module runs after the update, and what lrzsz said."""
    program = shutil.which("sx")
    if program is None:
        pytest.fail("the foreign peer lrzsz is not installed")
    profile = profile_for(Series.LENA_R8)
    power = profile.power
    profile = replace(profile, power=replace(
        power, pwr_on_pulse_s=Known((0.05, 3.0), power.pwr_on_pulse_s.source)))
    config = config_for(profile, load_world().raw, behaviour={**QUICK, **facts})
    module = Module("m", profile, config, home / "nvm.json")
    line = Line(module, seed)
    module.set_supply(3.8)
    module.set_input(Input.PWR_ON, True)
    await asyncio.sleep(0.1)
    module.set_input(Input.PWR_ON, False)
    try:
        async with asyncio.timeout(LIMIT_S):
            while b"OK" not in line.said:
                module.uart.receive(b"AT\r", RATE)
                await asyncio.sleep(0.1)
        package = home / "updatePackage.bin"
        package.write_bytes(fitting(Series.LENA_R8, module.updater.version, size=SIZE))
        module.uart.receive(b"AT+UFWUPD=1,115200\r", RATE)
        await until(line, b"+UFWUPD: ONGOING\r\n")
        await until(line, call)
        line.join()
        sender = await asyncio.create_subprocess_exec(program, *options, str(package), stdin=line.slave,
                                                      stdout=line.slave, stderr=asyncio.subprocess.PIPE)
        async with asyncio.timeout(LIMIT_S):
            _, told = await sender.communicate()
        assert sender.returncode == 0, told[-200:]
        await until(line, b"+UFWUPD: 100\r\n")
        async with asyncio.timeout(LIMIT_S):
            while module.power.state is not PowerState.RUNNING:
                await asyncio.sleep(0.01)
        return module.updater.version, told.decode(errors="replace")
    finally:
        line.close()
        module.set_supply(0.0)
        await module.close()


@pytest.mark.parametrize("seed", [None, 7], ids=["clean", "damaged"])
@pytest.mark.parametrize("check", ["crc", "sum"])
@pytest.mark.parametrize("options", [[], ["-k"]], ids=["128", "1k"])
def test_lrzsz_sends(tmp_path: Path, options: list[str], check: str, seed: int | None) -> None:
    facts, call = (WITH_CRC, b"ONGOING\r\nC") if check == "crc" else (WITH_SUM, b"\x15")
    version, told = asyncio.run(deliver(tmp_path, ["-X", *options], dict(facts), call, seed))
    assert version == newest(Series.LENA_R8).version
    assert "Transfer complete" in told
    assert ("Retry" in told) is (seed is not None)
