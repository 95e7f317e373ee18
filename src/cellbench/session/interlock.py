"""``cellbench rig interlock``: does each slot's supply, line, USB path and UART belong to one module?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cellbench.base.errors import UsageError
from cellbench.host.transcript import Transcript
from cellbench.rig.bench import Bench
from cellbench.rig.interlock import Interlock
from cellbench.rig.load import LoadedRig, load_rig
from cellbench.roots.farside import far_side
from cellbench.roots.launch import launch
from cellbench.session.prompts import asks_people

_EXIT_RIG = 10


def interlock(path: Path, slots: Sequence[str], *, yes: bool) -> int:
    """Print a line for each slot; 10 when a wire is at the wrong place, 2 without a person's consent."""
    rig = load_rig(path)
    unknown = [name for name in slots if name not in rig.model.slots]
    if unknown:
        raise UsageError(f"{path} has no slot {unknown[0]}; it has {', '.join(rig.model.slots)}")
    _consent(rig, tuple(slots), yes=yes)
    launched = launch(rig) if rig.model.launch is not None else None
    rig = launched.rig if launched is not None else rig
    bench = Bench(
        rig=rig,
        run=f"interlock-{os.getpid()}",
        controller_pid=os.getpid(),
        trace=lambda name: Transcript(),
        events=_no_events,
        far_side_for=lambda name: far_side(rig, name),
    )
    if asks_people(rig.model):
        print("some of it is worked by a person: answer in another terminal, `cellbench answer --follow`")
    bad = 0
    try:
        for verdict in Interlock(bench, tuple(slots)).verdicts():
            print(f"  {verdict.slot}: {verdict.told}", flush=True)
            for mistake in verdict.mistakes:
                print(
                    f"    ERROR {rig.where(*mistake.place)}: {mistake.sentence}; {mistake.remedy}", flush=True
                )
            bad += len(verdict.mistakes)
    finally:
        bench.close(cause="interlock ended")
        if launched is not None:
            launched.stop()
    wires = "1 wire is" if bad == 1 else f"{bad} wires are"
    print(f"{wires} not where the file says" if bad else "every slot is what the file says")
    return _EXIT_RIG if bad else 0


def _consent(rig: LoadedRig, slots: tuple[str, ...], *, yes: bool) -> None:
    """A person says yes, since modules are switched; a rack that is launched for this needs none."""
    if yes or rig.model.launch is not None:
        return
    chosen = ", ".join(slots or rig.model.slots)
    print(f"This switches every module of {rig.path.name} off, then on one after the other: {chosen}.")
    if not sys.stdin.isatty():
        raise UsageError(
            "the interlock switches modules, and nobody is here to agree",
            remedy="add --yes to say that they may be switched",
        )
    if input("Type yes to go on: ").strip().lower() not in {"yes", "y"}:
        raise UsageError("nothing was switched")


def _no_events(slot: str) -> Callable[[str, str, dict[str, str]], None]:
    def sink(what: str, detail: str, values: Mapping[str, str]) -> None:
        """Nothing is recorded: an interlock is no run."""

    return sink
