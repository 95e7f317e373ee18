"""``cellbench at``: a one-shot command or a console on a slot, over the slot's own equipment."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cellbench.base.errors import OperatorError
from cellbench.host.console import run_console
from cellbench.host.transcript import Transcript
from cellbench.rig.bench import Bench
from cellbench.rig.load import load_rig
from cellbench.rig.slot import PowerState
from cellbench.roots.farside import far_side
from cellbench.roots.launch import launch


def console(path: Path, slot_name: str, commands: Sequence[str], port: str | None, *, power_on: bool) -> int:
    """Send ``commands`` one after the other, or talk interactively when there are none.

    Nothing is switched unless ``power_on`` says so or the rig file launches its own rack.
    """
    rig = load_rig(path)
    if slot_name not in rig.model.slots:
        raise OperatorError(f"{path} has no slot {slot_name}; it has {', '.join(rig.model.slots)}")
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
        if switched:
            slot.power_on()
        else:
            slot.state = PowerState.UNKNOWN
        role = port or slot.roles()[0]
        channel = slot.channel(role)
        return run_console(channel, list(commands), sys.stdin, sys.stdout, interactive=not commands)
    finally:
        if switched:
            bench.close(cause="console ended")
        else:
            bench.close_ports()
        if launched is not None:
            launched.stop()


def _no_events(slot: str) -> Callable[[str, str, dict[str, str]], None]:
    def sink(what: str, detail: str, values: Mapping[str, str]) -> None:
        """Nothing is recorded: a console is no run."""

    return sink
