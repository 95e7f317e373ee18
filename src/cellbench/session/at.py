"""``cellbench at``: a one-shot command or a console on a slot, over the slot's own equipment."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cellbench.base.errors import UnitError, UsageError
from cellbench.host.channel import Channel
from cellbench.host.console import run_console
from cellbench.host.transcript import Transcript
from cellbench.rig.bench import Bench
from cellbench.rig.load import load_rig
from cellbench.rig.slot import PowerState, Slot
from cellbench.roots.farside import far_side
from cellbench.roots.launch import launch

_SYNC_S = 4.0
_USB_LOOK_S = 1.0


def console(path: Path, slot_name: str, commands: Sequence[str], port: str | None, *, power_on: bool) -> int:
    """Send ``commands`` one after the other, or talk interactively when there are none.

    Nothing is switched unless ``power_on`` says so or the rig file launches its own rack.
    """
    rig = load_rig(path)
    if slot_name not in rig.model.slots:
        raise UsageError(f"{path} has no slot {slot_name}; it has {', '.join(rig.model.slots)}")
    launched = launch(rig) if rig.model.launch is not None else None
    rig = launched.rig if launched is not None else rig
    transcript = Transcript()
    bench = Bench(
        rig=rig,
        run=f"console-{os.getpid()}",
        controller_pid=os.getpid(),
        trace=lambda name: transcript,
        events=_no_events,
        far_side_for=lambda name: far_side(rig, name),
    )
    switched = power_on or launched is not None
    try:
        slot = bench.slot(slot_name) if switched else bench.ports_only(slot_name)
        if not switched:
            slot.state = PowerState.UNKNOWN
        elif not slot.is_powered():
            slot.power_on()
        channel = slot.channel(_role(slot, port))
        _greet(channel, interactive=not commands, told="" if switched else "; --power-on switches it on")
        return run_console(channel, list(commands), sys.stdin, sys.stdout, interactive=not commands)
    finally:
        if switched:
            bench.close(cause="console ended")
        else:
            bench.close_ports()
        if launched is not None:
            launched.stop()


def _role(slot: Slot, asked: str | None) -> str:
    roles = slot.roles()
    if asked is not None and asked not in roles and slot.model.ports.usb is not None:
        slot.ports.view(_USB_LOOK_S)  # says what keeps the ports away
        roles = slot.roles()
    if asked is not None and asked not in roles:
        raise UsageError(f"slot {slot.name} has no port {asked}; it has {', '.join(roles)}",
                         remedy="ports on USB are there while the module is on")
    return asked or roles[0]


def _greet(channel: Channel, *, interactive: bool, told: str) -> None:
    """Get in step, since an autobauding module swallows the first AT; who types may go on without."""
    try:
        channel.sync(_SYNC_S)
    except UnitError:
        silent = f"no answer to AT on {channel.name} in {_SYNC_S:g} s: the module is off or at another rate"
        if not interactive:
            raise UnitError(silent + told) from None
        print(f"! {silent}{told}", file=sys.stderr)


def _no_events(slot: str) -> Callable[[str, str, dict[str, str]], None]:
    def sink(what: str, detail: str, values: Mapping[str, str]) -> None:
        """Nothing is recorded: a console is no run."""

    return sink
