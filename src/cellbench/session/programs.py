"""The programs that are pytest runs with a purpose: demo, production, validation; and the list of runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cellbench.base.errors import OperatorError, UsageError
from cellbench.record.verdict import Outcome
from cellbench.session.run import DEFAULT_RESULTS, RUN

_SUITES = Path("suites")
_SEQUENCE = _SUITES / "production"
_VIRTUAL = Path("rigs/virtual.yaml")
_INTERRUPTED = 2


def demo(results: Path | None) -> int:
    """A tour of procedures, then the production sequence, on the virtual rack."""
    common = ["--rig", str(_rig(_VIRTUAL)), "--timing", "fast", "-n", "auto", *_results(results)]
    print("1. A tour of both guides on the virtual rack: one LENA-R8, one LARA-R6.\n", flush=True)
    tour = _run([str(_house_suites()), "-m", "demo", *common])
    if tour.status == 2:
        return tour.status
    print("\n2. The production sequence, a unit in each slot.\n", flush=True)
    serials = ["--serial", "lena-r8-1=DEMO-R8-0001", "--serial", "lara-r6-1=DEMO-R6-0001"]
    line = _run([str(_house_suites() / "production"), "--run-kind", "production", *serials, *common])
    for ended in (tour, line):
        if ended.status:
            print(f"\nThe demo ended with status {ended.status}: the lines above say whose it is.")
            return ended.status
    print("\n3. To look at:\n")
    for text, paths in (("the tour", tour.of("validation.html")), ("each unit", line.of(".pdf")),
                        ("for machines", [*line.of("units.csv"), *tour.of("junit.xml")])):
        for path in paths:
            print(f"   {text:<13} {_shown(path)}")
    print("\nNext: `make virtual` for a rack to play with, README.md for a rig of your own.")
    return 0


def production(
    rig: Path, slots: Sequence[str], serials: Sequence[str], results: Path | None, timing: str | None
) -> int:
    """Units through the production sequence, one in each slot; a serial number comes from the command line,
    the scanner or a pipe."""
    names = _chosen_slots(rig, slots)
    given = list(serials) or [f"{name}={_ask_serial(name, several=len(names) > 1)}" for name in names]
    arguments = [str(_sequence()), "--rig", str(rig), "--run-kind", "production"]
    for name in names:
        arguments += ["--slot", name]
    for number in given:
        arguments += ["--serial", number]
    if len(names) > 1:
        arguments += ["-n", "auto"]
    ended = _run([*arguments, *_timing(timing), *_results(results)])
    for name, number in ended.serials.items():
        print(f"\n{number} in {name}: {ended.verdict(name)}")
    return ended.status


def validation(rig: Path, slots: Sequence[str], results: Path | None, timing: str | None) -> int:
    """All procedures on every slot: the house's, and those of the project in this directory."""
    names = _chosen_slots(rig, slots, every=True)
    own = [str(_SUITES)] if _is_a_projects_own() else []
    arguments = [str(_house_suites()), *own, "--rig", str(rig), "-n", "auto", "--run-kind", "validation"]
    for name in names:
        arguments += ["--slot", name]
    return _run([*arguments, *_timing(timing), *_results(results)]).status


def migration(
    places: Sequence[Path], slots: Sequence[str], results: Path | None, timing: str | None, code: Path | None
) -> int:
    """What moving from LARA-R6 to LENA-R8 changes: rig files are run, folders are runs that ended; the report
    of all of them goes into the last one's folder, and to the terminal."""
    from cellbench.record.run import read_run
    from cellbench.report.migration import migration_text, write_migration
    from cellbench.session.migration import SUITE, migration_view

    if code is not None and not code.is_dir():
        raise UsageError(f"{code} is no folder", remedy="name the folder with the host's code")
    status, folders = 0, []
    for place in places:
        folder: Path | None = place
        if not place.is_dir():
            arguments = [str(_house_suites() / SUITE), "--rig", str(place), "-n", "auto"]
            for name in _chosen_slots(place, slots, every=True):
                arguments += ["--slot", name]
            ended = _run([*arguments, *_timing(timing), *_results(results)])
            status, folder = status or ended.status, ended.folder
            if folder is None or ended.status == _INTERRUPTED:
                return status
        folders.append(folder)
    view = migration_view([read_run(folder) for folder in folders if folder is not None], code)
    print(f"\n{migration_text(view)}\n")
    print(_shown(write_migration(view, (folders[-1] or Path()) / "migration.html")))
    return status


def list_runs(results: Path) -> int:
    """A line for each run; for a cut one, when, at which step and what its slots were left in."""
    from cellbench.guardian.log import slots_left_here
    from cellbench.record.runs import RunState, cut_runs
    from cellbench.record.runs import list_runs as all_runs
    from cellbench.record.transcript import utc_text

    found = all_runs(results)
    cut = {run.run: run for run in cut_runs(results, left=slots_left_here())}
    for run in found:
        end = f"exit {run.exit_status}, {run.reason}" if run.state is RunState.ENDED else run.state.value
        print(f"{run.run}  {utc_text(run.started_utc_ns, 'seconds')}  {run.rig}  {run.purpose or '-'}  {end}")
        if run.run in cut:
            print(f"    {cut[run.run].text}")
    if not found:
        print(f"no runs in {results}")
    return 0


def load_journals(files: Sequence[Path], url: str) -> int:
    """Index journals in the store; one that is there already changes nothing."""
    from cellbench.record.run import read_run
    from cellbench.store.store import Store

    with Store.open(url) as store:
        for file in files:
            folder = file if file.is_dir() else file.parent
            print(f"{folder}: {'loaded' if store.load(read_run(folder)) else 'nothing new'}")
    return 0


# -- serial numbers and slots ----------------------------------------------------------------------


def _chosen_slots(rig: Path, asked: Sequence[str], *, every: bool = False) -> tuple[str, ...]:
    from cellbench.rig.load import load_rig

    names = tuple(load_rig(rig).model.slots)
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise UsageError(f"{rig} has no slot {', '.join(unknown)}; it has {', '.join(names)}")
    if not asked and not every and len(names) > 1:
        raise UsageError(f"{rig} has the slots {', '.join(names)}", remedy="say which with SLOT= or --slot")
    return tuple(dict.fromkeys(asked)) or names


def _ask_serial(slot: str, *, several: bool) -> str:
    """A line typed or scanned by who is there, or piped; OperatorError where nobody answers."""
    of = f" of the unit in {slot}" if several else ""
    if sys.stdin is None or not sys.stdin.isatty():
        number = "" if sys.stdin is None else sys.stdin.readline().strip()
        if not number:
            raise OperatorError(f"a production run needs the serial number{of}, and nobody is there to ask",
                                remedy="say SERIAL=... or --serial, or pipe it in")
        return number
    try:
        number = input(f"Serial number{of} (scan or type, empty to give up): ").strip()
    except EOFError:
        number = ""
    if not number:
        raise OperatorError(f"no serial number{of} was given")
    return number


# -- runs ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Ended:
    """What a run came to; a pytest plug-in that takes it from the session."""

    status: int = 0
    serials: Mapping[str, str] = field(default_factory=dict)
    documents: Sequence[Path] = ()
    folder: Path | None = None

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Keep what is asked for afterwards."""
        run = config.stash.get(RUN, None)
        if run is not None:
            self.serials, self.documents, self.folder = run.serials, tuple(run.documents), run.folder

    def verdict(self, slot: str) -> str:
        """What the unit in a slot is judged to be, in words for who handles it."""
        from cellbench.record.rollup import overall
        from cellbench.record.run import read_run
        from cellbench.report.words import verdict_words

        if self.folder is None or not self.documents:
            return "not judged"
        attempts = [attempt for attempt in read_run(self.folder).attempts if attempt.slot == slot]
        found = overall(attempts)
        words = verdict_words(found) + (f": {found.reason}" if found.reason else "")
        about_unit = found.outcome in (Outcome.PASS, Outcome.FAIL)
        return words if about_unit else f"{words}; nothing is said of the unit"

    def of(self, ending: str) -> list[Path]:
        """The documents whose path ends so."""
        return [path for path in self.documents if path.name.endswith(ending)]


def _run(arguments: list[str]) -> _Ended:
    """In this process: one that is killed, or interrupted, is the run itself."""
    ended = _Ended()
    # parts of an installed package are in use here before pytest could rewrite their asserts, which have none
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    ended.status = int(pytest.main([*quiet, *arguments], plugins=[ended]))
    sys.stdout.flush()
    return ended


def _house_suites() -> Path:
    """The suites of both guides: the repository's, or those of the installed package."""
    if (_SUITES / "__init__.py").is_file() and _SEQUENCE.is_dir():
        return _SUITES
    import cellbench.suites as installed  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return Path(installed.__path__[0])


def _is_a_projects_own() -> bool:
    return _SUITES.is_dir() and _SUITES.resolve() != _house_suites().resolve()


def _sequence() -> Path:
    """The production sequence: a project's own before the house's."""
    return _SEQUENCE if _SEQUENCE.is_dir() else _house_suites() / "production"


def _rig(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"there is no {path} here",
                         remedy="go to the folder that holds rigs/, or make one: cellbench new DIR")
    return path


def _results(results: Path | None) -> list[str]:
    return ["--results", str(results or DEFAULT_RESULTS)]


def _timing(timing: str | None) -> list[str]:
    return ["--timing", timing] if timing else []


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
