"""Boot mode (USB_BOOT high at the start) and the stand-in flasher, a program of its own, on a device node."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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
from cellbench.virtual.device.update import Stage
from cellbench.virtual.device.update_package import Kind, PackageDefect, fitting
from cellbench.virtual.device.update_state import State
from cellbench.virtual.world.world import load_world

SIZE = 20_000
WAIT_S = 20.0
Flash = Callable[[bytes], Awaitable[tuple[int, list[str], str]]]


async def start(module: Module) -> None:
    """Supply and a PWR_ON pulse with USB_BOOT as it is."""
    module.set_supply(3.8)
    module.set_input(Input.VUSB_DET, True)
    module.set_input(Input.PWR_ON, True)
    await asyncio.sleep(module.profile.power.pwr_on_pulse_s.value[0] + 0.05)
    module.set_input(Input.PWR_ON, False)


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not found():
            await asyncio.sleep(0.01)


class Node:
    """A pseudo terminal as the device node of the module's port."""

    def __init__(self, module: Module) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._out = bytearray()
        self._loop = asyncio.get_running_loop()
        self._face = module.usb_port(0)
        self._face.transmit = self._send
        self._face.set_open(True)
        self._loop.add_reader(self._master, self._read)

    def _read(self) -> None:
        self._face.receive(os.read(self._master, 65_536))

    def _send(self, data: bytes) -> None:
        os.write(self._master, data)

    def close(self) -> None:
        self._loop.remove_reader(self._master)
        self._face.set_open(False)
        os.close(self._master)
        os.close(self._slave)


@asynccontextmanager
async def boot_mode(home: Path) -> AsyncIterator[tuple[Module, Flash]]:
    """A module in boot mode, and the flasher on its port."""
    profile = profile_for(Series.LENA_R8)
    power = profile.power  # a short pulse: other tests watch its length
    profile = replace(profile, power=replace(
        power, pwr_on_pulse_s=Known((0.05, 3.0), power.pwr_on_pulse_s.source)))
    config = config_for(profile, load_world().raw, behaviour={"flash_s": 5.0})
    module = Module("m", profile, config, home / "nvm.json")
    module.set_input(Input.USB_BOOT, True)
    await start(module)
    await until(lambda: module.power.state is PowerState.DOWNLOAD)
    assert [one.role for one in module.usb_faces] == ["fw-update"]
    node = Node(module)

    async def flash(image: bytes) -> tuple[int, list[str], str]:
        path = home / "image.pac"
        path.write_bytes(image)
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cellbench.virtual.flasher", "--port", node.path, str(path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(WAIT_S):
                out, err = await program.communicate()
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
        return program.returncode or 0, out.decode().splitlines(), err.decode()

    try:
        yield module, flash
    finally:
        node.close()
        module.set_supply(0.0)
        await module.close()


def image(kind: Kind = Kind.FULL, defect: PackageDefect | None = None,
          series: Series = Series.LENA_R8) -> bytes:
    return fitting(series, "", kind, size=SIZE, defect=defect)


async def restart(module: Module, *, usb_boot: bool = False) -> None:
    """USB_BOOT low, supply off and on."""
    module.set_supply(0.0)
    module.set_input(Input.USB_BOOT, usb_boot)
    await start(module)


def test_flashing(tmp_path: Path) -> None:
    """LENA-R8 guide 11.3.2: boot mode, the tool, normal boot mode, reboot, the new firmware."""
    async def scenario() -> None:
        async with boot_mode(tmp_path) as (module, flash):
            code, lines, err = await flash(image())
            assert (code, err) == (0, "")
            assert lines[0].startswith("connected LENA-R8 ")
            assert "progress 100" in lines
            assert lines[-2:] == [f"version {newest(Series.LENA_R8).version}", "Passed"]
            await restart(module)
            await until(lambda: module.power.running)
            assert module.updater.version == newest(Series.LENA_R8).version

    asyncio.run(scenario())


@pytest.mark.parametrize(("wrong", "why"), [
    (image(defect=PackageDefect.CORRUPT), "148"), (image(defect=PackageDefect.UNSIGNED), "173"),
    (image(Kind.DELTA), "168"), (image(series=Series.LARA_R6), "168"), (b"no image", "158")],
    ids=["corrupt", "unsigned", "delta", "other series", "none"])
def test_images_that_are_refused(tmp_path: Path, wrong: bytes, why: str) -> None:
    async def scenario() -> None:
        async with boot_mode(tmp_path) as (module, flash):
            before = module.updater.version
            code, lines, err = await flash(wrong)
            assert code == 4
            assert f"code {why}" in err
            assert "Passed" not in lines
            assert module.updater.version == before

    asyncio.run(scenario())


def test_a_flashing_that_is_cut_leaves_the_boot_mode(tmp_path: Path) -> None:
    """No firmware is there: every start goes into boot mode, until a flashing is complete."""
    async def scenario() -> None:
        async with boot_mode(tmp_path) as (module, flash):
            def watch(stage: Stage, at: int) -> None:
                if stage is Stage.FLASHING and at >= 50:
                    module.set_supply(0.0)

            module.updater.watchers.append(watch)
            flashing = asyncio.ensure_future(flash(image()))
            await until(lambda: module.power.state is PowerState.UNSUPPLIED)
            module.updater.watchers.clear()
            flashing.cancel()
            await asyncio.wait([flashing])
            await restart(module)
            await until(lambda: module.power.state is PowerState.DOWNLOAD)
            assert module.updater.version == ""
            assert module.updater.state.record.state is State.FLASHING
        async with boot_mode(tmp_path) as (module, flash):
            assert (await flash(image()))[0] == 0
            assert module.updater.version == newest(Series.LENA_R8).version

    asyncio.run(scenario())


def test_no_port_and_no_image(tmp_path: Path) -> None:
    async def run(port: str, path: Path) -> tuple[int | None, str]:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cellbench.virtual.flasher", "--port", port, str(path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        _, err = await program.communicate()
        return program.returncode, err.decode()

    (tmp_path / "image").write_bytes(image())
    code, err = asyncio.run(run(str(tmp_path / "no-port"), tmp_path / "image"))
    assert (code, "no-port" in err) == (3, True)
    code, err = asyncio.run(run("/dev/null", tmp_path / "missing"))
    assert (code, "missing" in err) == (6, True)
