"""``cellbench interrupt``: an interruption matrix on the expendable units of a rig, from plan to picture."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path

from cellbench.base.errors import CellbenchError, NotPossible, Owner, UsageError
from cellbench.campaign.cell import FAST, Begun, Ground, Pace, Runner
from cellbench.campaign.cells import Cell, cells_of, matching
from cellbench.campaign.crew import Crew, Hand, serve
from cellbench.campaign.ledger import Ledger
from cellbench.campaign.served import ROLES
from cellbench.campaign.shelf import Shelf
from cellbench.campaign.units import choose
from cellbench.catalogue.downloads import BY_SERIAL, way_source
from cellbench.catalogue.model import Evidence, Series
from cellbench.catalogue.modules import profile_for
from cellbench.guardian.processes import mark_process, open_pidfd
from cellbench.host.firmware.model import Method, Package, PackageKind
from cellbench.host.transcript import Transcript
from cellbench.record.interruption import CellOutcome, CellRecord, MatrixHeader, PackageEntry
from cellbench.record.process import this_process
from cellbench.report.interruptions_write import write_matrix
from cellbench.rig.bench import Bench
from cellbench.rig.firmware import FirmwareCatalogue, load_firmware
from cellbench.rig.load import LoadedRig, complete, load_rig
from cellbench.rig.services import ServiceMap
from cellbench.roots.farside import far_side
from cellbench.roots.launch import launch
from cellbench.session.run import DEFAULT_RESULTS

_FOLDER = "interruptions"
_FAST_CELL_S, _REAL_CELL_S = 180.0, 3 * 3600.0
_STATUS = {Owner.RIG: 10, Owner.NETWORK: 11, Owner.SERVICE: 11}
_QUIET = frozenset({CellOutcome.NOT_APPLICABLE, CellOutcome.NOT_POSSIBLE})


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for: slots, packages (a firmware catalogue, or file names in the rig's), patterns of
    cells, the results' folder, the timing of a rack that is launched, a matrix that begins anew."""

    slots: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    results: Path | None = None
    timing: str | None = None
    anew: bool = False
    list_only: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is gone through. ``declared``: the rig file that launched the rack, None where none was."""

    rig: LoadedRig
    declared: Path | None
    slots: Mapping[str, str]  # name: series
    packages: Mapping[str, tuple[Package, ...]]  # by slot
    cells: tuple[Cell, ...]
    header: MatrixHeader


def interrupt(path: Path, wish: Wish) -> int:
    """Go through the matrix, or on with it; 0 when every cell is as it must be, 1 with a finding of a unit,
    else the status of whoever's error it was."""
    rig = load_rig(path)
    if rig.model.launch is None:
        choose(rig, wish.slots)  # before anything is opened
    launched = launch(rig, timing=wish.timing) if rig.model.launch is not None else None
    rig = launched.rig if launched is not None else rig
    try:
        chosen = choose(rig, wish.slots)
        for sentence in chosen.left_alone:
            print(f"left alone: {sentence}")
        plan = _plan(rig, path if launched is not None else None, chosen.slots, wish)
        if wish.list_only:
            return _list(plan)
        return _go(plan, wish)
    finally:
        if launched is not None:
            launched.stop()


# -- the plan --------------------------------------------------------------------------------------


def _plan(rig: LoadedRig, declared: Path | None, slots: Sequence[str], wish: Wish) -> _Plan:
    catalogue, only = _catalogue(rig, wish.updates)
    packages: dict[str, tuple[Package, ...]] = {}
    for name in slots:
        model = rig.model.slots[name]
        found = catalogue.packages(model.series, model.variant)
        packages[name] = tuple(one for one in found if not only or one.path.name in only)
        if not any(one.kind is PackageKind.DELTA for one in packages[name]):
            raise UsageError(f"{catalogue.path}: no delta for the {model.series.value} in slot {name}",
                             remedy="add one (cellbench firmware add), and one that leads back")
    series = {name: rig.model.slots[name].series.value for name in slots}
    every = [cell for one in dict.fromkeys(series.values())
             for cell in cells_of(one, _lacking(rig, series, one), _stored(one))]
    cells = matching(every, wish.cells)
    return _Plan(rig, declared, series, packages, cells, _header(rig, series, packages, cells))


def _catalogue(rig: LoadedRig, updates: Sequence[str]) -> tuple[FirmwareCatalogue, frozenset[str]]:
    """The catalogue that is named, else the rig's; and the names of the files that alone are used."""
    files = [name for name in updates if name.endswith((".yaml", ".yml"))]
    if len(files) > 1:
        raise UsageError(f"several firmware catalogues are named: {', '.join(files)}", remedy="name one")
    found = load_firmware(Path(files[0])) if files else rig.firmware
    if found is None:
        raise NotPossible(f"rig {rig.model.rig} has no firmware catalogue",
                          remedy="name one with UPDATE=, or under firmware in the rig file")
    only = frozenset(name for name in updates if name not in files)
    known = {one.package.path.name for one in found.entries}
    for name in only:
        if name not in known:
            raise UsageError(f"{found.path} has no package {name}",
                             remedy=f"it has {', '.join(sorted(known))}")
    return found, only


def _lacking(rig: LoadedRig, slots: Mapping[str, str], series: str) -> dict[Method, str]:
    """Methods that a series has not, with the reason."""
    name = next(slot for slot, one in slots.items() if one == series)
    model = rig.model.slots[name]
    if profile_for(model.series, model.variant).power.has_usb_boot:
        return {}
    return {Method.FLASH: "the series has no USB_BOOT pin: the maker's own tool begins over USB"}


def _stored(series: str) -> Method:
    """The way by which packages come whose installation is interrupted: the quickest that is documented."""
    guessed = way_source(Series(series), BY_SERIAL).evidence is Evidence.GUESS
    return Method.FTP if guessed else Method.SERIAL


def _header(rig: LoadedRig, slots: Mapping[str, str], packages: Mapping[str, tuple[Package, ...]],
            cells: Sequence[Cell]) -> MatrixHeader:
    every = {one.sha256: one for several in packages.values() for one in several}
    identity = json.dumps([rig.model.rig, sorted(slots.items()), sorted(every), rig.model.timing,
                           sorted(cell.id for cell in cells)])
    return MatrixHeader(
        matrix=hashlib.sha256(identity.encode()).hexdigest()[:12], rig=rig.model.rig, rig_file=str(rig.path),
        evidence=rig.model.evidence.value, timing=rig.model.timing, slots=dict(slots),
        packages=tuple(PackageEntry(one.path.name, one.series.value, one.kind.value, one.start or "", one.end,
                                    one.size, one.sha256) for one in every.values()),
        cells=tuple(cell.entry() for cell in cells),
        versions={"cellbench": metadata.version("cellbench")}, process=this_process())


def _list(plan: _Plan) -> int:
    """Print the cells and open nothing."""
    for cell in plan.cells:
        print(f"{cell.id}{f'  not applicable: {cell.why_not}' if cell.why_not else ''}")
    return 0


# -- going through it ------------------------------------------------------------------------------


def _go(plan: _Plan, wish: Wish) -> int:
    folder = _folder(plan, wish)
    ledger = Ledger(folder, plan.header)
    try:
        for cell in plan.cells:
            if cell.why_not and not ledger.settled(cell.id):
                ledger.end(CellRecord(cell.id, CellOutcome.NOT_APPLICABLE, reason=cell.why_not), sync=False)
        _tell_beginning(plan, ledger)
        teller = _Teller(sum(not cell.why_not and not ledger.settled(cell.id) for cell in plan.cells))
        fast = plan.header.timing == "fast"
        crew = Crew(ledger, plan.cells, plan.slots, lambda slot: _start(plan, slot, folder), teller,
                    _FAST_CELL_S if fast else _REAL_CELL_S, _homes(plan))
        try:
            crew.run()
        finally:
            _servers_up(plan)
            written = write_matrix(folder)
        return _tell_end(plan, ledger, written)
    finally:
        ledger.close()


def _servers_up(plan: _Plan) -> None:
    """Cells leave the servers slow."""
    far = far_side(plan.rig, next(iter(plan.slots)))
    for role in {ROLES[cell.method] for cell in plan.cells if cell.over_network and not cell.why_not}:
        with contextlib.suppress(CellbenchError):
            if far.can("server"):
                far.act("server", name=role, state="up")


def _folder(plan: _Plan, wish: Wish) -> Path:
    base = (wish.results or DEFAULT_RESULTS) / _FOLDER
    name = f"{plan.header.rig}-{plan.header.matrix}"
    if not wish.anew:
        taken = sorted(base.glob(f"{name}*"), key=lambda one: (len(one.name), one.name))
        return taken[-1] if taken else base / name
    number = 1
    while (base / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return base / (name if number == 1 else f"{name}-{number}")


def _homes(plan: _Plan) -> dict[str, str]:
    """The version that servers' packages most likely begin from, by series: it only orders the cells."""
    return {plan.slots[slot]: next((one.start or "" for one in packages if one.kind is PackageKind.DELTA), "")
            for slot, packages in plan.packages.items()}


def _tell_beginning(plan: _Plan, ledger: Ledger) -> None:
    run = [cell for cell in plan.cells if not cell.why_not]
    left = sum(not ledger.settled(cell.id) for cell in run)
    print(f"{len(run)} cells on {', '.join(plan.slots)}, {len(plan.cells) - len(run)} not applicable"
          f"{f'; {len(run) - left} have a result already' if left < len(run) else ''}; in {ledger.folder}",
          flush=True)
    for cell, slot in ledger.cut.items():
        print(f"  the matrix was cut in {cell} on {slot}: it is run again", flush=True)


class _Teller:
    """One line for each cell that ends."""

    def __init__(self, total: int) -> None:
        self._total, self._count, self._began = total, 0, time.monotonic()

    def __call__(self, record: CellRecord) -> None:
        self._count += 1
        outcome = record.outcome.value + (f" ({record.recovery})" if record.recovery else "")
        why = f": {record.reason}" if not record.outcome.good else ""
        print(f"  {self._count:3}/{self._total} {time.monotonic() - self._began:5.0f} s  {record.cell}  "
              f"{outcome}{why}  {record.seconds:.1f} s on {record.slot}", flush=True)


def _tell_end(plan: _Plan, ledger: Ledger, written: Sequence[Path]) -> int:
    records = ledger.records()
    ended = [records[cell.id] for cell in plan.cells if cell.id in records and not cell.why_not]
    good = sum(record.outcome.good for record in ended)
    print(f"{good} of {len(ended)} cells are as they must be")
    for path in written:
        print(f"  {path}")
    if any(record.outcome.finding for record in ended):
        return 1
    bad = [record for record in ended if not record.outcome.good and record.outcome not in _QUIET]
    return max((_STATUS.get(record.owner or Owner.FRAMEWORK, 12) for record in bad), default=0)


# -- a slot's process ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Post:
    """What a slot's process needs, as it goes to another interpreter; ``declared`` as in the plan."""

    rig: Path
    declared: Path | None
    slot: str
    apn: str | None
    packages: tuple[Package, ...]
    pace: Pace
    run: str
    controller: int
    traces: Path


def _start(plan: _Plan, slot: str, folder: Path) -> Hand:
    network = plan.rig.model.network_of(slot)
    pace = FAST if plan.header.timing == "fast" else Pace()
    post = _Post(plan.rig.path, plan.declared, slot, network.apn if network else None, plan.packages[slot],
                 pace, f"interrupt-{plan.header.matrix}", os.getpid(), folder / "traces")
    context = multiprocessing.get_context("forkserver")  # what is imported is there at once
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    process = context.Process(target=_slot_process, args=(theirs, post), name=f"cells-{slot}", daemon=True)
    process.start()
    theirs.close()
    return Hand(process, ours)


def _slot_process(connection: Connection, post: _Post) -> None:
    _end_with(post.controller)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the controller ends the matrix
    rig = load_rig(post.rig)
    if post.declared is not None:
        rig = complete(load_rig(post.declared), rig)
    transcript = Transcript()
    bench = Bench(rig=rig, run=post.run, controller_pid=post.controller, trace=lambda name: transcript,
                  events=_no_events, far_side_for=lambda name: far_side(rig, name))

    def runner(last_words: Callable[[Begun], None]) -> Runner:
        slot = bench.slot(post.slot)
        return Runner(Ground(slot, bench.far_side(post.slot), ServiceMap(rig), post.apn, Shelf(post.packages),
                             post.pace, last_words, lambda record: _keep_trace(post, transcript, record)))

    try:
        serve(connection, runner)
    except (EOFError, OSError):
        print(f"cellbench: the matrix has gone; slot {post.slot} is given back", file=sys.stderr)
    finally:
        try:
            bench.close(cause="interruption matrix ended")
        except CellbenchError as error:
            print(f"cellbench: slot {post.slot}: {error}", file=sys.stderr)


def _end_with(controller: int) -> None:
    """Die when the controller has died: the parent of this process is the fork server, which lives on as long
    as its children."""
    mark = mark_process(controller)
    descriptor = open_pidfd(mark) if mark is not None else None
    if descriptor is None:
        os.kill(os.getpid(), signal.SIGKILL)
        return

    def watch() -> None:
        select.select([descriptor], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="controller-watch", daemon=True).start()


def _keep_trace(post: _Post, transcript: Transcript, record: CellRecord) -> None:
    """What passed the slot's ports in a cell that is not as it must be; nothing of those that are."""
    if not record.outcome.good and record.outcome not in _QUIET:
        post.traces.mkdir(parents=True, exist_ok=True)
        name = record.cell.replace("/", "_")
        (post.traces / f"{name}.txt").write_text(transcript.export(), encoding="utf-8")
    transcript.clear()


def _no_events(slot: str) -> Callable[[str, str, dict[str, str]], None]:
    def sink(what: str, detail: str, values: Mapping[str, str]) -> None:
        """The cell's record says what was done."""

    return sink
