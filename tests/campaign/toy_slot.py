"""A slot's process without a slot: it answers orders as its cells say, and dies where they say so."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from cellbench.base.errors import Owner
from cellbench.campaign.cell import Begun
from cellbench.campaign.crew import Done, Hand, Order
from cellbench.catalogue.model import Series
from cellbench.host.firmware.fingerprint import Fingerprint
from cellbench.host.firmware.model import Method, Package, PackageKind, Stage
from cellbench.record.interruption import CellOutcome, CellRecord, Interruption

PACKAGE = Package(Path("up.bin"), Series.LENA_R8, PackageKind.DELTA, "1", "2", 10, "", "")


def slot_process(connection: Connection, slot: str, diary: Path) -> None:
    """Each cell leaves a line when it begins and when it ends. ``check-50`` loses its process once,
    ``write-100`` finds the unit dead, nothing can be flashed on ``a0``."""
    while (order := connection.recv()) is not None:
        assert isinstance(order, Order)
        cell = order.cell
        if order.begun is None:
            note(diary, f"+ {slot} {cell.id}")
            if cell.kind is Interruption.HOST_KILLED:
                print_of = Fingerprint(Series.LENA_R8, "1", {}, {})
                connection.send(Begun(cell, PACKAGE, "1", print_of, time.monotonic(), Stage.WRITING,
                                      ("last words",)))
                os.kill(os.getpid(), signal.SIGKILL)
            if cell.place.name == "check-50" and f"lost {cell.id}" not in diary.read_text():
                note(diary, f"lost {cell.id}")
                os._exit(7)
        dead = "it does not start" if cell.place.name == "write-100" else ""
        outcome = CellOutcome.BRICKED if dead else CellOutcome.OLD
        if cell.method is Method.FLASH and slot == "a0":
            outcome = CellOutcome.ERROR
        told = order.begun.seen if order.begun is not None else ()
        note(diary, f"- {slot} {cell.id}")
        owner = Owner.RIG if outcome is CellOutcome.ERROR else None
        connection.send(Done(CellRecord(cell.id, outcome, slot, owner, evidence=told), "1", dead))


def start(slot: str, diary: Path) -> Hand:
    """A process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    process = context.Process(target=slot_process, args=(theirs, slot, diary), daemon=True)
    process.start()
    theirs.close()
    return Hand(process, ours)


def note(diary: Path, line: str) -> None:
    """One write, so that lines of several processes stay whole."""
    with diary.open("a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    sys.exit("a part of tests")
