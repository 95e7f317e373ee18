"""``cellbench migration``: what moving a product from LARA-R6 to LENA-R8 changes, out of runs of the
migration procedures and the catalogue; and which lines of a host's own code it concerns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cellbench.base.errors import UsageError
from cellbench.catalogue import differences
from cellbench.catalogue.errata import ERRATA
from cellbench.catalogue.guide import R8_GUIDE
from cellbench.catalogue.migration import MIGRATION, MigrationRow
from cellbench.catalogue.model import Series
from cellbench.record.attempt import Attempt
from cellbench.record.rollup import final_attempts
from cellbench.record.run import RunRecord
from cellbench.report.migration import (
    CodePlace,
    FurtherView,
    MigrationView,
    ModuleView,
    RowView,
    side_view,
)

OLD, NEW = Series.LARA_R6, Series.LENA_R8
SUITE = "migration"
_PROCEDURE = re.compile(r"test_table_54\.py::\w+\[([a-z0-9-]+)\]$")
_LARGEST_FILE = 2_000_000
_MOST_PLACES = 200
_SKIPPED = frozenset({".git", ".hg", ".svn", ".venv", "node_modules", "__pycache__"})
_IDS = frozenset(row.id for row in MIGRATION)

_Found = Mapping[tuple[str, Series], Sequence[Attempt]]


def migration_view(runs: Sequence[RunRecord], code: Path | None = None) -> MigrationView:
    """The report of some runs, each of any slots of either series; UsageError when none of them has an
    attempt of the migration procedures, or ``code`` is no folder."""
    found = _attempts(runs)
    if not found:
        raise UsageError("no migration procedure was run",
                         remedy="name a rig file, or a run made by this command")
    places = None if code is None else search(code)
    return MigrationView(
        old=OLD.value, new=NEW.value, source=f"{R8_GUIDE}, chapter 13, Table 54",
        modules=_modules(runs, found),
        rows=tuple(_row(row, found, places) for row in MIGRATION), further=_further(), pattern=_pattern(),
        searched=str(code) if code is not None else "")


def search(folder: Path) -> Mapping[str, tuple[CodePlace, ...]]:
    """Lines of the text files below a folder that a row concerns, by row id; UsageError for no folder."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", remedy="name the folder with the host's code")
    wanted = {row.id: re.compile(row.search) for row in MIGRATION if row.search}
    found: dict[str, list[CodePlace]] = {}
    for file, number, line in _lines(folder):
        for name, pattern in wanted.items():
            if pattern.search(line) and len(found.setdefault(name, [])) < _MOST_PLACES:
                found[name].append(CodePlace(file, number, line.strip()))
    return {name: tuple(places) for name, places in found.items()}


def _lines(folder: Path) -> Iterator[tuple[str, int, str]]:
    """File (below the folder), number and text of each line that may hold an AT command."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            path = Path(root, name)
            try:
                if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
                    continue
                data = path.read_bytes()
            except OSError:
                continue  # what cannot be read is nobody's code
            if b"\0" in data:
                continue
            for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
                if "+" in line or "ATD" in line:
                    yield str(path.relative_to(folder)), number, line


def _attempts(runs: Sequence[RunRecord]) -> _Found:
    """The final attempts of the migration procedures by row and series."""
    known = {series.value: series for series in Series}
    found: dict[tuple[str, Series], list[Attempt]] = {}
    for run in runs:
        for attempt in final_attempts(run.attempts):
            match = _PROCEDURE.search(attempt.procedure)
            series = known.get(run.slot(attempt.slot).series)
            if match is not None and series is not None and match[1] in _IDS:
                found.setdefault((match[1], series), []).append(attempt)
    return found


def _modules(runs: Sequence[RunRecord], found: _Found) -> tuple[ModuleView, ...]:
    asked = {attempt.slot for attempts in found.values() for attempt in attempts}
    modules = []
    for run in runs:
        for slot in run.slots:
            unit = next((one for one in run.units if one.slot == slot.slot), None)
            if slot.slot in asked:
                model, firmware = (unit.model, unit.firmware) if unit else ("", "")
                modules.append(ModuleView(slot.series, model, firmware, slot.slot, run.id,
                                          run.header.evidence))
    return tuple(sorted(modules, key=lambda one: one.series != OLD.value))


def _row(row: MigrationRow, found: _Found, places: Mapping[str, tuple[CodePlace, ...]] | None) -> RowView:
    old, new = (side_view(series.value, row.side(series).printed, row.side(series).check,
                          found.get((row.id, series), ())) for series in (OLD, NEW))
    source = row.code_source
    errata = tuple(f"{one.id}: {one.printed} → {one.taken_as}" for one in ERRATA if one.id in row.errata)
    return RowView(row.id, row.topic, tuple(str(kind) for kind in row.changes), row.change, row.before,
                   row.after, f"{source.where} ({source.evidence.value})" if source else "", errata, old, new,
                   None if places is None else places.get(row.id, ()))


def _pattern() -> str:
    return "|".join(row.search for row in MIGRATION if row.search)


def _further() -> tuple[FurtherView, ...]:
    """Differences that the table does not print, from the catalogue."""
    in_table = {name for row in MIGRATION for name in _names(row)}
    beyond = [one for one in differences.commands(OLD, NEW) if one.name not in in_table]
    told = (
        ("Other defaults", "At delivery. A host that relies on one of them sets it itself from now on.",
         (*differences.facts(OLD, NEW), *differences.defaults(OLD, NEW))),
        ("Other commands", "Beside those of Table 54. What rests on a guess or a relative's manual: ask the "
                           "module before you rely on it.", beyond),
        ("Other parameters", "Of commands that both have: parameters that differ, in the order of sending.",
         differences.parameters(OLD, NEW)),
        ("Other URCs", "Who waits for an old one waits in vain; a parser must let the new ones pass.",
         differences.urcs(OLD, NEW)))
    return tuple(FurtherView(title, lead, tuple(
        (one.name, one.old, one.new, one.evidence.value, one.where) for one in rows))
        for title, lead, rows in told)


def _names(row: MigrationRow) -> set[str]:
    """The commands that a row names, in its checks or its lines of code."""
    texts = [ask.line for side in (row.lara_r6, row.lena_r8) for ask in side.asks]
    return {name for text in (*texts, *row.before, *row.after) for name in re.findall(r"\+[A-Z0-9]+", text)}
