"""What the scripts of the interruption matrix share: a rack, a guardian of its own, the command's matrix."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_READY_S = 120.0
_STOP_S = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """A rack that is up; results go below ``folder``."""

    rig_file: Path
    folder: Path
    environment: dict[str, str]

    def command(self, *options: str) -> list[str]:
        """``cellbench interrupt`` for this rack."""
        return [sys.executable, "-m", "cellbench", "interrupt", str(self.rig_file), "--results",
                str(self.folder / "out"), *options]

    def run(self, *options: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Go through the matrix, or on with it."""
        return subprocess.run(self.command(*options), cwd=ROOT, env=self.environment, text=True,
                              capture_output=True, timeout=timeout_s, check=False)

    def cut(self, *options: str, after: int, timeout_s: float) -> int:
        """Begin the matrix and kill it (SIGKILL) when so many cells have ended; cells that it told."""
        process = subprocess.Popen(self.command(*options), cwd=ROOT, env=self.environment, text=True,
                                   stdout=subprocess.PIPE)
        assert process.stdout is not None
        told = 0
        with contextlib.closing(process.stdout) as lines:
            for line in lines:
                told += " s on " in line
                if told >= after:
                    break
            process.send_signal(signal.SIGKILL)
            process.wait(_STOP_S)
        return told

    def results(self) -> Path:
        """The matrix's folder."""
        return next((self.folder / "out" / "interruptions").iterdir())


@contextlib.contextmanager
def rack(slots: Sequence[str], *options: str) -> Iterator[Place]:
    """A virtual rack of these series, a slot each, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="interrupt-") as name:
        folder = Path(name)
        environment = {**os.environ, "CELLBENCH_RUNTIME_DIR": str(folder / "run"),
                       "CELLBENCH_LOCK_DIR": str(folder / "locks")}
        words = [word for series in slots for word in ("--slot", series)]
        process = subprocess.Popen(
            [sys.executable, "-m", "cellbench", "virtual", "up", *words, "--dir", str(folder / "rack"),
             "--end-with", str(os.getpid()), *options], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            if not select.select([process.stdout], [], [], _READY_S)[0]:
                raise RuntimeError("the rack did not come up")
            ready = json.loads(process.stdout.readline())
            yield Place(Path(ready["rig_file"]), folder, environment)
        finally:
            _stop_guardian(folder / "run")
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            process.kill()
            process.wait(_STOP_S)
            process.stdout.close()


def _stop_guardian(runtime: Path) -> None:
    from cellbench.base.errors import CellbenchError
    from cellbench.guardian.start import stop

    with contextlib.suppress(CellbenchError):
        stop(runtime)
