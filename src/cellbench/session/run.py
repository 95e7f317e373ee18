"""One run on a rig, as one process of it sees it: the single process, the controller, or a worker."""

from __future__ import annotations

import enum
import hashlib
import importlib.metadata
import os
import secrets
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cellbench import __version__
from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.base.errors import CellbenchError, OperatorError
from cellbench.catalogue.errata import ERRATA
from cellbench.catalogue.guide import Section
from cellbench.guardian.log import slots_left_here
from cellbench.record.attempt import AttemptEnded, Event, Kind, RunEnded
from cellbench.record.header import ErratumEntry, Header, SectionEntry, SlotEntry
from cellbench.record.journal import JournalWriter
from cellbench.record.process import this_process
from cellbench.record.runs import CutRun, cut_runs, mark_reported
from cellbench.rig.guides import all_sections
from cellbench.rig.load import LoadedRig, load_rig

if TYPE_CHECKING:
    from cellbench.session.equipment import Equipment

RUN = pytest.StashKey["Run"]()
_RIG = pytest.StashKey[LoadedRig]()
DEFAULT_RESULTS = Path("reports/out")


class Part(enum.Enum):
    """Which process of the run this is."""

    SINGLE = "single"
    CONTROLLER = "controller"
    WORKER = "worker"


@dataclass(slots=True)
class Run:
    """What every hook and fixture of a run shares.

    ``serials``: slot → serial number. ``cut``: runs that were cut before and not told of yet.
    ``interrupted`` says by what, "" while nothing has. ``expected``: slot ("" for none) → procedures or tests
    that were collected. ``crashed``: ends of attempts whose worker has died; they go into the journal after
    the worker's own records. ``sections``: what procedures may be traced to, by id.
    """

    config: pytest.Config
    part: Part
    rig: LoadedRig
    slots: tuple[str, ...]
    id: str
    folder: Path
    anchor: str = ""
    worker: str = ""
    journal: JournalWriter | None = None
    equipment: Equipment | None = None
    began: float = field(default_factory=time.monotonic)
    serials: Mapping[str, str] = field(default_factory=dict)
    cut: tuple[CutRun, ...] = ()
    interrupted: str = ""
    switched_off: bool = False
    expected: dict[str, list[str]] = field(default_factory=dict)
    crashed: list[AttemptEnded] = field(default_factory=list)
    documents: list[Path] = field(default_factory=list)
    sections: Mapping[str, Section] = field(default_factory=dict)

    @property
    def own_slots(self) -> tuple[str, ...]:
        """The slots whose tests this process collects: a worker's own, none for a spare worker, else all."""
        if self.part is not Part.WORKER:
            return self.slots
        own = self.config.workerinput.get("cellbench_slot")  # type: ignore[attr-defined]
        return (own,) if own else ()

    @property
    def launch_note(self) -> Path:
        """Where the process that launched the rig leaves the path of the generated rig file."""
        return self.folder / "launched"

    def segment(self, worker: str) -> Path:
        """A worker's part of the journal."""
        return self.folder / f"journal-{worker}.jsonl"

    def open_journal(self) -> JournalWriter:
        """The journal of this process, made at its first use."""
        if self.journal is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.part is Part.WORKER:
                self.journal = JournalWriter.segment(
                    self.segment(self.worker),
                    run=self.id,
                    worker=self.worker,
                    slot=self.own_slots[0] if self.own_slots else "",
                    anchor=self.anchor,
                )
            else:
                self.journal = self._create_journal()
        return self.journal

    def event(
        self, what: str, slot: str = "", detail: str = "", values: Mapping[str, str] | None = None
    ) -> None:
        """Write an event to the journal, if there is one."""
        if self.journal is not None:
            self.journal.append(Kind.EVENT, Event(what, slot, detail, dict(values or {})))

    def end(self, status: int, reason: str) -> None:
        """Merge what the workers left and close the journal."""
        if self.journal is None:
            return
        if self.part is Part.CONTROLLER:
            self.journal.merge(
                {
                    path.stem.removeprefix("journal-"): path
                    for path in sorted(self.folder.glob("journal-*.jsonl"))
                }
            )
        for attempt in self.crashed:
            self.journal.append(Kind.ATTEMPT_ENDED, attempt)
        if self.part is not Part.WORKER:
            self.journal.append(
                Kind.RUN_ENDED, RunEnded(status, time.monotonic() - self.began, reason), sync=True
            )
            self._tidy()
        self.journal.close()
        self.journal = None

    def look_back(self) -> None:
        """Find the runs in the results folder that were cut and that nobody was told of."""
        results = self.folder.parent
        if results.is_dir():
            self.cut = cut_runs(results, unreported_only=True, left=slots_left_here())

    def _tidy(self) -> None:
        """Remove what the processes of this run told each other by files."""
        self.launch_note.unlink(missing_ok=True)
        for pattern in ("now-*", "died-*", "lent-*", "lost-*", "turn-*"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _create_journal(self) -> JournalWriter:
        model = self.rig.model
        header = Header(
            run=self.id,
            started_utc_ns=SYSTEM_CLOCK.utc_ns(),
            rig=model.rig,
            rig_file=str(self.rig.path),
            rig_sha256=hashlib.sha256(self.rig.path.read_bytes()).hexdigest(),
            evidence=model.evidence.value,
            timing=self.config.getoption("--timing") or model.timing,
            purpose=self.config.getoption("--run-kind"),
            operator=os.environ.get("USER", ""),
            command=tuple(self.config.invocation_params.args),
            process=this_process(),
            versions=_versions(),
            settings=_settings(self.rig),
            sections=_entries(self.sections.values()),
            errata=_errata(),
            cut_runs=tuple(run.entry for run in self.cut),
        )
        journal = JournalWriter.create(self.folder / "journal.jsonl", header)
        self.anchor = journal.head
        for run in self.cut:
            mark_reported(run, self.id)
        for name in self.slots:
            slot = model.slots[name]
            journal.append(
                Kind.SLOT, SlotEntry(
                    name,
                    slot.series.value,
                    slot.variant or "",
                    slot.ordering_code or "",
                    {"limits": _limits_words(self.rig, name)},
                )
            )
        return journal


def slots_for(config: pytest.Config, path: Path) -> tuple[str, ...]:
    """The slots of a rig file that this session is to use; UsageError for a name it does not have."""
    rig = _load(config, path)
    asked = tuple(dict.fromkeys(config.getoption("--slot")))
    unknown = [name for name in asked if name not in rig.model.slots]
    if unknown:
        raise pytest.UsageError(
            f"{path}: no slot named {', '.join(unknown)}; it has {', '.join(rig.model.slots)}"
        )
    return asked or tuple(rig.model.slots)


def open_run(config: pytest.Config, path: Path) -> Run:
    """Make the run of this session and register its hooks."""
    from cellbench.session import collecting, hooks
    from cellbench.session.workers.controller import ControllerHooks

    worker = getattr(config, "workerinput", None)
    slots = slots_for(config, path)
    distributed = worker is None and _distributed(config)
    if distributed:
        _check_workers(config, len(slots))
    if worker is not None:
        run = Run(
            config,
            Part.WORKER,
            _load(config, path),
            slots,
            worker["cellbench_run"],
            Path(worker["cellbench_folder"]),
            worker["cellbench_anchor"],
            worker["workerid"],
        )
    else:
        results = Path(config.getoption("--results") or config.rootpath / DEFAULT_RESULTS)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        run = Run(
            config,
            Part.CONTROLLER if distributed else Part.SINGLE,
            _load(config, path),
            slots,
            name,
            results.resolve() / name,
        )
    if worker is None and not config.option.collectonly:
        run.look_back()
    run.sections = _sections(config)
    run.serials = _serials(config.getoption("cellbench_serial"), slots)
    config.stash[RUN] = run
    around = hooks.RunHooks(run)
    config.pluginmanager.register(around, "cellbench-run")
    config.pluginmanager.register(collecting.CollectHooks(run), "cellbench-collect")
    config.pluginmanager.register(hooks.StopGate(around), "cellbench-stop")
    if run.part is not Part.WORKER and _wants_progress(config):
        from cellbench.session.progress import Progress

        config.pluginmanager.register(Progress(run, config.option.progress), "cellbench-progress")
    if run.part is not Part.WORKER:
        from cellbench.session.prompts import Desk, asks_people

        if asks_people(run.rig.model):
            config.pluginmanager.register(Desk(run), "cellbench-prompts")
    if run.part is Part.CONTROLLER:
        config.pluginmanager.register(ControllerHooks(run), "cellbench-controller")
    return run


def _serials(given: Sequence[str], slots: tuple[str, ...]) -> dict[str, str]:
    """Slot → serial number, from NUMBER for the only slot or SLOT=NUMBER; UsageError for what fits none."""
    found: dict[str, str] = {}
    for text in given:
        slot, equals, number = text.partition("=")
        if not equals or slot not in slots:
            if len(slots) > 1:
                raise pytest.UsageError(f"--serial {text}: say SLOT=NUMBER, SLOT one of {', '.join(slots)}")
            slot, number = slots[0], text
        number = number.strip()
        if not number:
            raise pytest.UsageError(f"--serial {text!r}: the serial number is empty")
        if slot in found:
            raise pytest.UsageError(f"--serial {text}: slot {slot} has {found[slot]} already")
        if number in found.values():
            raise pytest.UsageError(f"--serial {text}: two units cannot have one serial number")
        found[slot] = number
    return found


def _wants_progress(config: pytest.Config) -> bool:
    option = config.option
    return option.progress != "off" and not option.collectonly and option.verbose == 0


def _load(config: pytest.Config, path: Path) -> LoadedRig:
    known = config.stash.get(_RIG, None)
    if known is None:
        try:
            known = load_rig(path)
        except CellbenchError as error:
            raise pytest.UsageError(str(error)) from None
        config.stash[_RIG] = known
    return known


def _distributed(config: pytest.Config) -> bool:
    return config.getoption("dist", "no") != "no" and not config.option.collectonly


def spare_workers(config: pytest.Config) -> int:
    """Workers without a slot, which take only tests that need none; UsageError for fewer than 0."""
    spare = int(config.getoption("--spare-workers", default=0))
    if spare < 0:
        raise pytest.UsageError(f"--spare-workers {spare}: say how many, 0 or more")
    return spare


def _check_workers(config: pytest.Config, slots: int) -> None:
    workers, spare = len(config.option.tx or ()), spare_workers(config)
    if workers not in (0, slots + spare):
        fits = slots + spare
        spares = f" and {spare} spare workers were asked for" if spare else ""
        raise pytest.UsageError(
            f"-n {workers} does not fit: this rig has {slots} slots{spares}; say -n auto or -n {fits}"
        )


def _versions() -> dict[str, str]:
    versions = {"cellbench": __version__, "python": sys.version.split()[0]}
    for name in ("pytest", "pytest-xdist", "pyvisa", "pyvisa-py"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise OperatorError(f"{name} is not installed", remedy="run `make venv`") from error
    return versions


def _settings(rig: LoadedRig) -> dict[str, str]:
    model = rig.model
    minimum = model.minimum_on_time_s
    limits = sorted({f"{found.product} version {found.version}" for found in rig.limits.values()})
    return {
        "station": model.station or "",
        "limits": ", ".join(limits),
        "minimum on-time": "by profile" if minimum is None else f"{minimum:g} s",
        "attach budget": f"{model.attach_budget.capacity}, {model.attach_budget.refill_per_hour:g} an hour",
    }


def _limits_words(rig: LoadedRig, slot: str) -> str:
    limits = rig.limits_of(slot)
    return f"{limits.product} version {limits.version}" if limits is not None else ""


def _sections(config: pytest.Config) -> dict[str, Section]:
    """What procedures may be traced to: the makers' guides and the documents of the setting."""
    try:
        return {one.id: one for one in all_sections(config.getini("cellbench_guides"))}
    except CellbenchError as error:
        raise pytest.UsageError(str(error)) from None


def _entries(sections: Iterable[Section]) -> tuple[SectionEntry, ...]:
    return tuple(
        SectionEntry(
            section.id,
            section.guide,
            section.number,
            section.title,
            tuple(sorted(series.value for series in section.series)),
            section.kind,
            section.elsewhere,
        )
        for section in sections
    )


def _errata() -> tuple[ErratumEntry, ...]:
    return tuple(
        ErratumEntry(
            erratum.id,
            erratum.where,
            erratum.printed,
            erratum.taken_as,
            tuple(sorted(series.value for series in erratum.series)),
            erratum.kind,
        )
        for erratum in ERRATA
    )
