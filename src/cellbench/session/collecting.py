"""What a run collects: which slots each test gets, what a worker leaves to others, names in the store."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cellbench.record.attempt import Kind
from cellbench.record.header import ProcedureEntry
from cellbench.rig.schema import RigFile
from cellbench.session.names import pair_of, without_slot
from cellbench.session.procedure import Procedure, procedure_from, procedure_of
from cellbench.session.run import Part, Run
from cellbench.session.workers.pairs import (
    PEER_FIXTURE,
    SLOT_FIXTURE,
    parametrize_pairs,
    parametrize_partners,
    partner_of,
)


class CollectHooks:
    """Registered beside RunHooks, in every process of the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._sections = run.sections
        self._turns: dict[str, int] = {}  # with --share-alike: the place of each test in the collection

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give a test the slots whose profile it applies to; an unknown section stops the collection."""
        mark = next(iter(metafunc.definition.iter_markers("procedure")), None)
        marked = procedure_from(mark) if mark is not None else None
        if marked is not None:
            self._check_sections(marked, metafunc.definition.nodeid)
        if not {SLOT_FIXTURE, PEER_FIXTURE} & set(metafunc.fixturenames):
            return
        if marked is not None and marked.slots == 2:
            firsts = self._slots(metafunc, marked, self.run.slots)
            parametrize_pairs(metafunc, self.run, marked, firsts)
            return
        if PEER_FIXTURE in metafunc.fixturenames:
            raise pytest.Collector.CollectError(
                f"{metafunc.definition.nodeid} takes a second slot; say so: @procedure(..., slots=2)"
            )
        every = self._slots(metafunc, marked, self.run.slots)
        partners = {name: partner_of(self.run.rig.model, self.run.slots, name, marked) for name in every}
        if any(partners.values()):
            parametrize_partners(metafunc, self.run, partners)
            return
        names = self._slots(metafunc, marked, self.run.own_slots)
        metafunc.parametrize(SLOT_FIXTURE, names, scope="function")

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out tests that no slot of this session is for."""
        kept = [item for item in items if not _has_no_slot(item)]
        if self.run.part is Part.WORKER and _failed_elsewhere(config, kept):
            kept = []
        if len(kept) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if item not in kept])
            items[:] = kept

    def _check_sections(self, marked: Procedure, where: str) -> None:
        unknown = [name for name in marked.sections if name not in self._sections]
        if unknown:
            raise pytest.Collector.CollectError(
                f"{where}: no guide has a section {', '.join(unknown)}; see cellbench.catalogue.guide; "
                "documents of your own are named by the setting cellbench_guides"
            )

    def _slots(self, metafunc: pytest.Metafunc, marked: Procedure | None, among: Sequence[str]) -> list[str]:
        """Those of some slots that a test is for; of slots that share, the one whose turn it is."""
        fitting = [name for name in among if self._applies(marked, name)]
        if not self.run.config.getoption("--share-alike"):
            return fitting
        turn = self._turns.setdefault(metafunc.definition.nodeid, len(self._turns))
        groups = [alike(self.run.rig.model, self.run.slots, name) for name in fitting]
        return [name for name, group in zip(fitting, groups, strict=True) if group[turn % len(group)] == name]

    def _applies(self, marked: Procedure | None, slot: str) -> bool:
        if marked is None:
            return True
        series = self.run.rig.model.slots[slot].series
        if marked.series:
            return series.value in marked.series
        if not marked.sections:
            return True
        return any(series in self._sections[name].series for name in marked.sections)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """The procedure list goes into the journal of whoever collected."""
        if session.config.option.collectonly or self.run.part is Part.CONTROLLER:
            return
        for item in session.items:
            self.run.expected.setdefault(slot_of(item), []).append(procedure_id(item))
        entries = _procedures(session.items)
        if entries:
            self.run.open_journal().append(Kind.FACTS, {"procedures": entries})


def alike(model: RigFile, slots: Sequence[str], slot: str) -> list[str]:
    """The slots with a module of the same kind as ``slot``, itself among them, in the rig file's order."""
    def kind(name: str) -> tuple[object, ...]:
        settings = model.slots[name]
        return settings.series, settings.variant, settings.ordering_code

    return [name for name in slots if kind(name) == kind(slot)]


def _failed_elsewhere(config: pytest.Config, items: list[pytest.Item]) -> bool:
    """Under --lf: True when what failed last time is another slot's; pytest would run all of this one's."""
    if not getattr(config.option, "lf", False) or config.cache is None:
        return False
    failed = config.cache.get("cache/lastfailed", {})
    return bool(failed) and not any(item.nodeid in failed for item in items)


def _has_no_slot(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return SLOT_FIXTURE in getattr(item, "fixturenames", ()) and not isinstance(
        callspec.params.get(SLOT_FIXTURE) if callspec else None, str
    )


def procedure_id(item: pytest.Item) -> str:
    """A test's identity in the store: its node id without the slot."""
    slot, peer = slot_of(item), peer_of_item(item)
    return without_slot(item.nodeid, pair_of(slot, peer) if peer else slot)


def slot_of(item: pytest.Item) -> str:
    """The slot that a collected test runs on, "" for none."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get(SLOT_FIXTURE, "")) if callspec else ""


def peer_of_item(item: pytest.Item) -> str:
    """The second slot of a collected test, "" for none."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get(PEER_FIXTURE, "")) if callspec else ""


def _procedures(items: list[pytest.Item]) -> list[ProcedureEntry]:
    found: dict[str, ProcedureEntry] = {}
    for item in items:
        marked = procedure_of(item)
        if marked is None:
            continue
        name = procedure_id(item)
        before = found.get(name)
        slots = (*(before.slots if before else ()), *((slot_of(item),) if slot_of(item) else ()))
        document = (getattr(getattr(item, "function", None), "__doc__", "") or "").strip()
        found[name] = ProcedureEntry(
            name, marked.title, marked.sections, tuple(dict.fromkeys(slots)), document
        )
    return list(found.values())
