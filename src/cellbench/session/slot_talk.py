"""One slot of a rig for a program that talks to it outside a run: its own rack launched, nothing recorded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cellbench.host.transcript import Transcript
from cellbench.rig.bench import Bench
from cellbench.rig.dut import Dut
from cellbench.rig.load import LoadedRig
from cellbench.rig.slot import PowerState
from cellbench.roots.farside import far_side


@dataclass(frozen=True, slots=True)
class Talk:
    """A module that is on, and the rig that it is in."""

    dut: Dut
    rig: LoadedRig
    role: str


@contextlib.contextmanager
def talk(rig: LoadedRig, slot_name: str, *, what: str, power_on: bool,
         port: str | None = None) -> Iterator[Talk]:
    """The module of a slot on its main port, or on ``port``. It is switched on and off only with
    ``power_on``; else it is on, and stays as it is."""
    transcript = Transcript()
    bench = Bench(
        rig=rig, run=f"{what}-{os.getpid()}", controller_pid=os.getpid(), trace=lambda name: transcript,
        events=_no_events, far_side_for=lambda name: far_side(rig, name))
    try:
        slot = bench.slot(slot_name) if power_on else bench.ports_only(slot_name)
        if not power_on:
            slot.state = PowerState.UNKNOWN
        elif not slot.is_powered():
            slot.power_on()
        role = port or slot.roles()[0]
        yield Talk(Dut(slot, slot.channel(role)), rig, role)
    finally:
        if power_on:
            bench.close(cause=f"{what} ended")
        else:
            bench.close_ports()


def _no_events(slot: str) -> Callable[[str, str, dict[str, str]], None]:
    def sink(what: str, detail: str, values: Mapping[str, str]) -> None:
        """Nothing is recorded: this is no run."""

    return sink
