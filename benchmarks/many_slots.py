"""What many slots cost: 8 slots over 8 workers, against the slowest slot's own run without workers.

Twice: bare slots whose procedures wait (the scheduler, the workers and the journal alone), and eight virtual
LENA-R8 whose modules take the times of real ones (leases, supplies, ports, transcripts as well). Own run and
all slots follow each other; each wall time is that of the whole process, from its start to its end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cellbench.guardian.start import stop

ROOT = Path(__file__).resolve().parents[1]
SLOTS = 8
SLOWEST = "s0"
AT_LEAST_S = 120.0
MOST = 1.15
RUN_S = 900.0

WAITS = '''
import time
import pytest
from cellbench.session.procedure import procedure

# seconds of waiting on each slot: the slowest has the whole, the others between a half and nine tenths
SHARE = {{"s0": 1.0, "s1": 0.9, "s2": 0.85, "s3": 0.8, "s4": 0.7, "s5": 0.65, "s6": 0.6, "s7": 0.5}}


@procedure(title="waits, says steps and measures", series=("LENA-R8",))
@pytest.mark.parametrize("number", range({count}))
def test_waits(slot_name, number, record):
    for step in range(4):
        with record.step(f"step {{step}}"):
            time.sleep({seconds} / {count} / 4 * SHARE[slot_name])
            record.measure("value", number + step / 10, "V")
'''
COUNT = 60

SUITES = ("suites/network", "suites/sockets")
NETWORK = 'network: {apn: internet.wind.biz, plmn: "22288"}'
SERVICES = """
services:
  echo: {host: 195.34.89.241, name: echo.u-blox.com, port: 7}
  dns: {name: www.google.com}
  icmp: {name: www.google.com}
  blackhole: {host: 203.0.113.1}
far_side: {kind: virtual}
"""


def main() -> list[dict[str, object]]:
    """The two ratios, and that the slowest slot's own run was long enough."""
    with tempfile.TemporaryDirectory(prefix="cellbench-many-", ignore_cleanup_errors=True) as place:
        rows = _rows("bare slots whose procedures wait", *bare(Path(place) / "bare"))
        rows += _rows("virtual LENA-R8 with real durations", *modules(Path(place) / "modules"))
    return rows


def bare(folder: Path) -> tuple[float, float]:
    """Own run and all slots, in seconds, where nothing is powered."""
    folder.mkdir()
    lines = [f'  s{number}: {{series: LENA-R8, ports: {{uart: {{url: "socket://127.0.0.1:{number + 1}"}}}}}}'
             for number in range(SLOTS)]
    (folder / "rig.yaml").write_text("\n".join(["rig: bare", "slots:", *lines]))
    (folder / "test_it.py").write_text(WAITS.format(count=COUNT, seconds=AT_LEAST_S))
    return _both(folder, [str(folder / "test_it.py")], [])


def modules(folder: Path) -> tuple[float, float]:
    """Own run and all slots, in seconds, of suites on a virtual rack."""
    folder.mkdir()
    names = [f"s{number}" for number in range(SLOTS)]
    launch = " ".join([sys.executable, "-m", "cellbench", "virtual", "up",
                       *(f"--slot {name}=LENA-R8:LENA-R8001M10" for name in names)])
    lines = [f"  {name}: {{series: LENA-R8, variant: LENA-R8001M10, sim: {{ref: sim-{name}}}, {NETWORK}}}"
             for name in names]
    (folder / "rig.yaml").write_text(
        "\n".join(["rig: eight", "evidence: simulated", f"launch: {launch}", "slots:", *lines]) + SERVICES)
    try:
        return _both(folder, [str(ROOT / suite) for suite in SUITES], ["--timing", "real"])
    finally:
        stop(folder / "run")


def _both(folder: Path, tests: list[str], more: list[str]) -> tuple[float, float]:
    own = _time(folder, tests, [*more, "--slot", SLOWEST])
    return own, _time(folder, tests, [*more, "-n", "auto"])


def _time(folder: Path, tests: list[str], more: list[str]) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
               "--rig", str(folder / "rig.yaml"), "--results", str(folder / "out"), "--reports", "none",
               "--progress", "off", *more, *tests]
    where = {"CELLBENCH_RUNTIME_DIR": str(folder / "run"), "CELLBENCH_LOCK_DIR": str(folder / "locks")}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **where}, capture_output=True, text=True,
                          timeout=RUN_S, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"the run ended with {done.returncode}: {done.stdout[-600:]}")
    return took


def _rows(what: str, own: float, every: float) -> list[dict[str, object]]:
    ratio = every / own
    return [
        {"what": f"{SLOTS} slots on {os.cpu_count()} cores against the slowest slot's own run: {what}",
         "goal": f"at most {MOST:g}, own run at least {AT_LEAST_S:g} s",
         "figure": f"{ratio:.3f} ({every:.1f} s, own run {own:.1f} s)",
         "met": ratio <= MOST and own >= AT_LEAST_S},
    ]


if __name__ == "__main__":
    for row in main():
        print(json.dumps(row))
