"""A virtual rack as foreign programs meet it: a process of its own, known by its ready line alone."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


def _loaded(name: str, path: Path) -> Any:
    """A file of the tests as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_bench = _loaded("cellbench_bench", Path(__file__).parents[1] / "virtual" / "internet" / "conftest.py")
_uml = _loaded("cellbench_foreign_uml", Path(__file__).with_name("uml.py"))
bench = _bench.bench  # fixtures: modules on a virtual internet, inside the test's process
play = _bench.play

SERIES = {"r8": "LENA-R8", "r6": "LARA-R6"}
PURPOSES = ("gsm", "ubx", "chat", "fuzz", "sim")
READY_S = 60.0


class ForeignRack:
    """One running rack; a slot of each series for each purpose, all off at first."""

    def __init__(self, directory: Path, *slots: str, settings: tuple[str, ...] = ()) -> None:
        self.directory = directory
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(directory)]
        for slot in slots:
            command += ["--slot", slot]
        for setting in settings:
            command += ["--set", setting]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.ready: dict[str, Any] = json.loads(line)
        self.slots = {slot["name"]: slot for slot in self.ready["slots"]}

    def ctl(self, *words: str, slot: str | None = None) -> subprocess.CompletedProcess[str]:
        """The program ``cellbench virtual ctl``."""
        command = [sys.executable, "-m", "cellbench", "virtual", "ctl", "--dir", str(self.directory)]
        where = ["--slot", slot] if slot else []
        return subprocess.run([*command, *where, *words], capture_output=True, text=True, timeout=30,
                              check=False)

    def power_on(self, slot: str) -> None:
        """Supply and PWR_ON; returns once the first AT port is there."""
        assert self.ctl("power", "state=on", slot=slot).returncode == 0
        end = time.monotonic() + READY_S
        while not Path(self.slots[slot]["at"][0]).exists():
            assert time.monotonic() < end, f"{slot} shows no AT port"
            time.sleep(0.05)

    def end(self) -> None:
        """Stop it as a user does."""
        self.process.terminate()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="session")
def foreign_rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignRack]:
    """The rack of the foreign programs; slots are named purpose-series, such as gsm-r8, and mux."""
    slots = [f"{purpose}-{key}={series}" for purpose in PURPOSES for key, series in SERIES.items()]
    rack = ForeignRack(tmp_path_factory.mktemp("foreign") / "dir", *slots, "mux=LARA-R6",
                       settings=("mux:mux_settle_s=0",))
    yield rack
    rack.end()


@pytest.fixture(params=list(SERIES))
def key(request: pytest.FixtureRequest) -> str:
    """Each series in turn, by the end of its slots' names."""
    return str(request.param)


@pytest.fixture
def peer() -> Callable[..., subprocess.Popen[str]]:
    """``peer(name, *arguments)`` starts one of the foreign programs of this folder."""
    folder = Path(__file__).with_name("peers")

    def start(name: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "ignore", str(folder / name), *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``guest(script, serial=, modules=)`` starts a Linux kernel of its own: see uml.Guest."""
    started: list[Any] = []

    def start(script: str, **options: Any) -> Any:
        started.append(_uml.Guest(tmp_path / f"guest{len(started)}", script, **options))
        return started[-1]

    yield start
    for one in started:
        one.end()
