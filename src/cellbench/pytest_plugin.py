"""The pytest plug-in: options, the mark ``procedure``, and the door to a run on a rig.

A session that asks for no rig pays for this file alone; everything else is imported when a rig is
asked for: by ``--rig``, by CELLBENCH_RIG, or by running suites where rigs/virtual.yaml stands.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cellbench.session.run import Run

pytest_plugins = [
    "cellbench.fixtures.equipment",
    "cellbench.fixtures.dut",
    "cellbench.fixtures.services",
    "cellbench.fixtures.firmware",
    "cellbench.fixtures.sim",
    "cellbench.fixtures.telephone",
    "cellbench.fixtures.record",
]

DEFAULT_RIG = Path("rigs/virtual.yaml")
INSTALLED_SUITES = "cellbench/suites"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a run; each is described in docs/running.md."""
    group = parser.getgroup("cellbench", "hardware-in-the-loop tests of cellular modules")
    group.addoption(
        "--rig", metavar="FILE", help="rig file (default: $CELLBENCH_RIG, else rigs/virtual.yaml)"
    )
    group.addoption(
        "--slot",
        action="append",
        default=[],
        metavar="NAME",
        help="run on this slot only; may be repeated (default: all slots of the rig)",
    )
    group.addoption(
        "--timing",
        choices=("fast", "real"),
        default=None,
        help="pace of a rack that the rig file launches (default: as the rig file says)",
    )
    group.addoption(
        "--results",
        metavar="DIR",
        default=None,
        help="where runs leave their journals and reports (default: reports/out)",
    )
    group.addoption(
        "--serial",
        action="append",
        metavar="NUMBER",
        default=[],
        dest="cellbench_serial",
        help="serial number of the unit; SLOT=NUMBER, repeated, where units are in several slots",
    )
    _add_ways_of_running(group)
    _add_what_is_left(group)
    parser.addini(
        "cellbench_guides",
        type="paths",
        default=[],
        help="YAML files with the sections of documents of your own that procedures are traced to",
    )


def _add_ways_of_running(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--spare-workers",
        type=int,
        default=0,
        metavar="N",
        help="with -n: N workers more than slots, for the tests that need no slot (default: 0)",
    )
    group.addoption(
        "--share-alike",
        action="store_true",
        help="slots with modules of the same kind share the procedures: each is run on one of them "
        "(default: each is run on every slot)",
    )
    group.addoption(
        "--procedure-timeout",
        type=float,
        default=1800.0,
        metavar="S",
        help="deadline of a procedure that declares none, in seconds; 0 for none (default: 1800)",
    )
    group.addoption(
        "--worker-timeout",
        type=float,
        default=300.0,
        metavar="S",
        help="with -n: how long a worker may take to start, from one test to the next, and to end, "
        "in seconds; 0 for ever (default: 300)",
    )


def _add_what_is_left(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--traces",
        choices=("never", "failures", "always"),
        default=None,
        help="record the modules' trace ports: kept around attempts that did not go well, or always "
        "(default: as the rig file says, else never)",
    )
    group.addoption(
        "--diagnosis",
        choices=("off", "failures"),
        default="failures",
        help="ask the module of a test that failed how it is, before anything is torn down; at most 2 s "
        "(default: failures)",
    )
    group.addoption(
        "--nvm-writes",
        choices=("note", "refuse"),
        default="note",
        help="what a procedure is told that stores a setting unread, or one that is there already: a note in "
        "its report, or a refusal of its result (default: note)",
    )
    group.addoption(
        "--reports",
        default=None,
        metavar="LIST",
        help="comma-separated report formats written at the end (default: all; 'none' for none)",
    )
    group.addoption(
        "--progress",
        choices=("auto", "plain", "off"),
        default="auto",
        help="live progress with slot, procedure, step and time left",
    )
    group.addoption(
        "--run-kind",
        choices=("validation", "production"),
        default="validation",
        help="which documents the run ends with",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Refuse what would send a test again; let workers be replaced without a limit."""
    if getattr(config.option, "reruns", None):
        raise pytest.UsageError(
            "--reruns sends a test that killed its worker again and hides it, lethal in an update; "
            "retries are made by the framework itself"
        )
    if getattr(config.option, "maxworkerrestart", "absent") is None:
        config.option.maxworkerrestart = "1000000" if rig_path(config) else None
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """``-n auto`` starts one worker for each slot, and the spare ones that were asked for."""
    path = rig_path(config)
    if path is None:
        return None
    from cellbench.session.run import slots_for, spare_workers

    return len(slots_for(config, path)) + spare_workers(config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the mark; open the run when a rig is asked for."""
    config.addinivalue_line(
        "markers", "procedure(*sections, title, depends, needs): a guide section made executable"
    )
    config.addinivalue_line("markers", "demo: part of the tour that `make demo` runs")
    config.addinivalue_line("markers", "soak: too long for make test")
    path = rig_path(config)
    if path is None:
        return
    from cellbench.session.run import open_run

    open_run(config, path)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Suites of an installed package keep their names, wherever it lies and however they are asked for."""
    if "cellbench" not in module_path.parts:
        return None
    suites = installed_suites(parent.config)
    if suites is None or suites not in module_path.parents:
        return None
    name = f"{INSTALLED_SUITES}/{module_path.relative_to(suites).as_posix()}"
    return pytest.Module.from_parent(parent, path=module_path, nodeid=name)


def installed_suites(config: pytest.Config) -> Path | None:
    """The folder of the suites that came with the package; None in the repository, where they are its own."""
    found = importlib.util.find_spec("cellbench.suites")
    places = (found.submodule_search_locations or ()) if found is not None else ()
    folders = [Path(place).resolve() for place in places]
    own = (config.rootpath / "suites").resolve()
    return next((folder for folder in folders if folder != own), None)


def rig_path(config: pytest.Config) -> Path | None:
    """The rig file that this session asks for, or None."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        named = worker.get("cellbench_rig")
        return Path(named) if named else None
    named = config.getoption("--rig", None) or os.environ.get("CELLBENCH_RIG")
    if named:
        return Path(named)
    default = config.rootpath / DEFAULT_RIG
    return default if default.is_file() and _runs_suites(config) else None


def _runs_suites(config: pytest.Config) -> bool:
    suites = (config.rootpath / "suites").resolve()
    for argument in config.args:
        path = (config.invocation_params.dir / argument.split("::")[0]).resolve()
        if path == suites or suites in path.parents or path == config.rootpath:
            return True
    return False


def current_run(config: pytest.Config) -> Run | None:
    """The open run of this session, if a rig was asked for."""
    return config.stash.get(_run_key(), None)


def _run_key() -> pytest.StashKey[Run]:
    from cellbench.session.run import RUN

    return RUN
