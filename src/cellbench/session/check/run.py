"""The check as a whole: in which order, what is printed, how it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from cellbench.base.errors import CellbenchError
from cellbench.guardian.client import GuardianClient
from cellbench.rig.load import LoadedRig, load_rig
from cellbench.roots.launch import launch
from cellbench.session.check.farside import look_at_far_sides
from cellbench.session.check.firmware import look_at_firmware
from cellbench.session.check.flashers import look_at_flashers
from cellbench.session.check.instruments import look_at_instruments, look_at_secrets
from cellbench.session.check.model import Host, Look, Scene, Severity, host_error
from cellbench.session.check.modules import look_at_modules
from cellbench.session.check.ports import look_at_uarts
from cellbench.session.check.settings import look_at_settings
from cellbench.session.check.slots import look_at_leftovers, look_at_slot, note_leases
from cellbench.session.check.station import look_at_host
from cellbench.session.check.usb import look_at_modem_manager, look_at_strangers, look_at_usb

_EXIT_RIG = 10


def check(
    path: Path, *, host: Host | None = None, ask_modules: bool = True, out: TextIO | None = None
) -> int:
    """Print a line for each thing looked at and below it what is wrong; 10 when there is any error.

    Nothing is switched, no line is driven. A module that is off is left alone entirely; one that is on is
    asked who it is, unless ``ask_modules`` is false. Raises FileErrors for a rig file with mistakes.
    """
    stream = sys.stdout if out is None else out
    rig = load_rig(path)
    print(f"{path}: no mistakes", file=stream)
    launched = launch(rig) if rig.model.launch is not None else None
    try:
        looks = examine(launched.rig if launched is not None else rig, host or Host(), ask_modules, stream)
    finally:
        if launched is not None:
            launched.stop()
    errors, warnings = (
        sum(one.severity is severity for look in looks for one in look.troubles)
        for severity in (Severity.ERROR, Severity.WARNING)
    )
    told = "everything can be reached" if not errors else f"{errors} error{'s' if errors > 1 else ''}"
    print(f"{told}, {warnings} warning{'' if warnings == 1 else 's'}", file=stream)
    return _EXIT_RIG if errors else 0


def examine(rig: LoadedRig, host: Host, ask_modules: bool, out: TextIO) -> tuple[Look, ...]:
    """Look at everything, printing as it goes."""
    scene = Scene(rig, host)
    done: list[Look] = []

    def show(looks: Iterable[Look]) -> None:
        for look in looks:
            done.append(look)
            print(f"  {look.what}: {look.told}", file=out, flush=True)
            for trouble in look.troubles:
                print(f"    {trouble}", file=out, flush=True)

    show(look_at_host(scene))
    show(look_at_settings(scene))
    show(look_at_secrets(scene))
    show(look_at_leftovers(scene))
    try:
        with GuardianClient.connect() as guardian:
            show(look_at_instruments(scene, guardian))
            note_leases(scene, guardian)
            for slot in rig.model.slots:
                show((look_at_slot(scene, guardian, slot),))
    except CellbenchError as error:
        show((Look("guardian", "not there", (host_error("guardian", error.message, error.remedy),)),))
    for slot in rig.model.slots:
        show(look_at_uarts(scene, slot))
        show(look_at_usb(scene, slot))
    show(look_at_flashers(scene))
    show(look_at_firmware(scene))
    show(look_at_far_sides(scene))
    show(look_at_strangers(scene))
    show(look_at_modem_manager(scene))
    if ask_modules:
        broken = frozenset(
            look.what for look in done if any(one.severity is Severity.ERROR for one in look.troubles)
        )
        show(look_at_modules(scene, broken))
    return tuple(done)
