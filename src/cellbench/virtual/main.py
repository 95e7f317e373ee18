"""The program ``cellbench virtual up``: a rack in the foreground until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from cellbench.base.errors import OperatorError
from cellbench.catalogue.overlay import read_overlay
from cellbench.virtual.device.clients import mqtt_paho

from .control.room import ControlRoom
from .device.config import Timing
from .rack import LOG, ParkFactory, Rack, RackPlan, VirtualSlot
from .rigfile import write_rig_file
from .slots import (
    parse_dialect,
    parse_extras,
    parse_firmware,
    parse_settings,
    parse_slots,
    parse_uart,
    parse_usb_net,
)

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_S = 5.0
"""How long a rack outlives the process it follows: time for whoever makes the bench safe."""
POWERED_S = 90.0
"""Longest wait for the modules of ``--powered``, in seconds (a boot with a restored file system fits in)."""


def up(slots: Sequence[str], directory: Path, *, timing: str = "fast", powered: bool = False,
       settings: Sequence[str] = (), park_factory: ParkFactory | None = None, seed: int = 0,
       end_with: int | None = None, supply_dialect: str = "scpi-generic", extras: Sequence[str] = (),
       uart: str = "rfc2217", usb_net: str = "shown", firmware: Sequence[str] = (),
       overlays: Sequence[Path] = (), out: TextIO | None = None,
       err: TextIO | None = None) -> int:
    """Run a virtual rack in the foreground; the exit status of the program.

    ``slots`` are texts ``[NAME=]SERIES[:VARIANT]``, ``settings`` texts ``[SLOT:]NAME=VALUE`` (doubtful
    facts of the modules). When the rack is ready exactly one JSON line goes to ``out``; everything else
    goes to ``err`` and DIR/log. With ``powered`` all modules are switched on and ready before that line.
    SIGINT and SIGTERM end it with 0 within 3 s. ``park_factory`` makes the servers of the virtual internet
    (None: every address of it is unreachable). ``end_with``: a process whose end ends the rack as well,
    ``GRACE_S`` later, so that a killed run leaves no rack behind. ``supply_dialect``: what the supplies
    speak; ``extras``: ``analyser``, ``attenuator``; ``uart``: ``rfc2217`` or ``pty``, a device node without
    control lines; ``usb_net``: ``shown`` in the USB tree, or ``tap``, interfaces of the kernel. ``firmware``:
    texts ``[SLOT:]VERSION``; ``overlays``: files of what firmwares do otherwise (catalogue.overlay).

    Raises OperatorError for a bad slot specification, setting, dialect or extra, a directory that another
    rack holds, a paho-mqtt that the modules cannot use, and modules that do not get ready.
    """
    try:
        pace = Timing(timing)
    except ValueError:
        raise OperatorError(f"no timing {timing!r}", remedy="it is fast or real") from None
    mqtt_paho.check()
    place = Path(os.path.abspath(directory))
    specs = parse_slots(slots)
    plan = RackPlan(specs, place, pace, seed, parse_settings(settings, specs), parse_dialect(supply_dialect),
                    parse_extras(extras), parse_uart(uart), parse_firmware(firmware, specs),
                    tuple(read_overlay(path) for path in overlays), parse_usb_net(usb_net))
    if not plan.feeding:
        raise OperatorError(f"no channel of {plan.supply.model} can feed these modules",
                            remedy="take another --supply-dialect")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(f"{place} cannot be the rack's directory: {error.strerror}") from None
    with _locked(place), _logging(place, sys.stderr if err is None else err):
        stream = sys.stdout if out is None else out
        return asyncio.run(_run(plan, powered, park_factory, end_with, stream))


async def _run(plan: RackPlan, powered: bool, park_factory: ParkFactory | None, end_with: int | None,
               out: TextIO) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)
    companion = None if end_with is None else follow(loop, end_with, stop)
    rack = Rack(plan, None if park_factory is None else park_factory())
    room = ControlRoom(rack)
    try:
        bringing_up = loop.create_task(_bring_up(rack, room, powered))
        stopping = loop.create_task(stop.wait())
        await asyncio.wait((bringing_up, stopping), return_when=asyncio.FIRST_COMPLETED)
        if bringing_up.done():
            print(json.dumps(bringing_up.result()), file=out, flush=True)
            await stopping
        else:
            bringing_up.cancel()
            await asyncio.wait((bringing_up,))
        stopping.cancel()
    finally:
        LOG.info("going down")
        await room.stop()
        await rack.stop("rack-stop")
        await _leave_nothing()
        if companion is not None:
            loop.remove_reader(companion)
            os.close(companion)
        _deaf(loop)
    return 0


def _deaf(loop: asyncio.AbstractEventLoop) -> None:
    """All is down: a signal sent twice must not turn the last moments of the program into a failure."""
    for number in STOPPING:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


def follow(loop: asyncio.AbstractEventLoop, pid: int, stop: asyncio.Event,
           grace_s: float = GRACE_S) -> int | None:
    """Set ``stop`` ``grace_s`` after process ``pid`` is gone; the descriptor to close, None when it is gone
    already."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        loop.call_later(grace_s, stop.set)
        return None

    def gone() -> None:
        loop.remove_reader(descriptor)
        LOG.warning("process %d is gone; the rack follows in %g s", pid, grace_s)
        loop.call_later(grace_s, stop.set)

    loop.add_reader(descriptor, gone)
    return descriptor


async def _bring_up(rack: Rack, room: ControlRoom, powered: bool) -> dict[str, object]:
    """Start everything; what the ready line says."""
    await rack.start()
    await room.start()
    rig_file = write_rig_file(rack)
    if powered:
        for slot in rack.slots.values():
            rack.power_on(slot, "powered")
        try:
            async with asyncio.timeout(POWERED_S):
                await asyncio.gather(*(rack.ready(slot) for slot in rack.slots.values()))
        except TimeoutError:
            raise OperatorError(f"not all modules got ready within {POWERED_S:g} s",
                                remedy=f"look at {rack.directory / 'log'}") from None
    LOG.info("ready: %s", ", ".join(rack.slots))
    return {"ready": True, "rig_file": str(rig_file), "control": str(room.path),
            "slots": [ready_slot(slot) for slot in rack.slots.values()]}


def ready_slot(slot: VirtualSlot) -> dict[str, object]:
    """One slot of the ready line."""
    usb = slot.directory / "usb"
    composition = slot.usb.composition or (slot.profile.usb[0] if slot.profile.usb else None)
    interfaces = () if composition is None else composition.interfaces
    at = sum(interface.role == "at" for interface in interfaces)
    return {"name": slot.name, "series": slot.profile.series.value,
            "uart": slot.uart.url, "aux_uart": slot.aux_uart.url if slot.aux_uart is not None else None,
            "usb": str(usb),
            "at": [str(usb / f"at{number}") for number in range(at)]}


async def _leave_nothing() -> None:
    """Cancel what still runs, so that the loop closes at once."""
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=1.0)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold DIR/lock: two racks in one directory would overwrite each other's NVM."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise OperatorError(f"another virtual rack (process {holder}) holds {directory}",
                                remedy="stop it, or take another --dir") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _logging(directory: Path, err: TextIO) -> Iterator[None]:
    """Everything the rack says to DIR/log, warnings to ``err`` as well."""
    form = logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
    logger = logging.getLogger()
    before = logger.level
    file = logging.FileHandler(directory / "log", encoding="utf-8")
    stream = logging.StreamHandler(err)
    stream.setLevel(logging.WARNING)
    for handler in (file, stream):
        handler.setFormatter(form)
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        for handler in (file, stream):
            logger.removeHandler(handler)
            handler.close()
