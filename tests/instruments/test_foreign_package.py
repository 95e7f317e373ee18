"""The example package of docs/examples, built and installed apart: found by kind, checked, opened, used."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "acme-cellbench"
RIG = """\
rig: acme
instruments:
  psu1: {{kind: supply.acme-ps2, resource: "TCPIP::127.0.0.1::{supply}::SOCKET"}}
  lines1: {{kind: line.acme-lb4, url: "socket://127.0.0.1:{board}"{more}}}
slots:
  a1:
    series: LARA-R6
    power: {{supply: psu1, channel: 2, voltage_v: 3.8, current_limit_a: 2.5}}
    lines:
      pwr_on: {{on: lines1, pin: 3, active: low}}
      v_int: {{on: lines1, input: 0, active: high}}
    ports: {{uart: {{url: /dev/serial/by-id/none}}}}
"""
USE = """\
import json, os, sys
from pathlib import Path
from cellbench.guardian.client import GuardianClient
from cellbench.instruments.kinds import known_kinds
from cellbench.rig.build import equipment_plan, slot_plan
from cellbench.rig.load import load_rig

rig = load_rig(Path(sys.argv[1]))
client = GuardianClient.connect()
told = {"identities": dict(client.enrol(equipment_plan(rig))), "kinds": known_kinds()}
lease = client.lease(slot_plan(rig, "a1"), run="acme", controller_pid=os.getpid())
told["volts"] = lease.power_on().voltage_v
lease.drive("pwr_on", True)
told["pressed"] = lease.sense("pwr_on")
told["v_int"] = lease.sense("v_int")
lease.close()
client.close()
print(json.dumps(told))
"""


class Instrument:
    """An instrument of ACME's on TCP: lines in, lines out, by its manual."""

    def __init__(self, answer):
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            link, _ = self._server.accept()
            with link, link.makefile("rw", newline="\n") as lines:
                for line in lines:
                    said = self._answer(line.strip())
                    if said is not None:
                        lines.write(f"{said}\r\n")
                        lines.flush()


class Ps2:
    def __init__(self):
        self.volts, self.amperes, self.on = 0.0, 0.0, False

    def __call__(self, line):
        fixed = {"*IDN?": "ACME,PS-2,77,1.0", "SYST:ERR?": '0,"No error"', "SOUR2:VOLT?": f"{self.volts:.3f}",
                 "SOUR2:CURR?": f"{self.amperes:.3f}", "OUTP2?": str(int(self.on)), "TRIP2?": "0",
                 "MEAS2:VOLT?": f"{self.volts if self.on else 0.0:.3f}", "MEAS2:CURR?": "0.012"}
        word, _, value = line.partition(" ")
        if word == "SOUR2:VOLT":
            self.volts = float(value)
        elif word == "SOUR2:CURR":
            self.amperes = float(value)
        elif word == "OUTP2":
            self.on = value == "ON"
        return fixed.get(line)


class Lb4:
    def __init__(self):
        self.closed = set()

    def __call__(self, line):
        match line.split():
            case ["ID?"]:
                return "ACME LB-4 1.2"
            case ["OUT", relay, state]:
                (self.closed.add if state == "ON" else self.closed.discard)(relay)
                return "OK"
            case ["OUT?", relay]:
                return "ON" if relay in self.closed else "OFF"
            case ["IN?", _]:
                return "HIGH"
        return "ERROR"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package in a directory of its own, as pip installs it; what it needs is there already."""
    place = tmp_path_factory.mktemp("acme")
    shutil.copytree(EXAMPLE, place / "source")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index",
         "--no-build-isolation", "--no-deps", "--target", str(place / "site"), str(place / "source")],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place / "site"


@pytest.fixture
def run(installed, tmp_path):
    """A Python program beside that package, with a guardian of its own."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "CELLBENCH_RUNTIME_DIR": str(tmp_path / "run"),
                   "CELLBENCH_LOCK_DIR": str(tmp_path / "locks")}

    def start(*arguments):
        return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True,
                              check=False, timeout=60)

    yield start
    start("-c", f"from pathlib import Path; from cellbench.guardian.start import stop; "
                f"p = Path({str(tmp_path / 'run')!r}); p.exists() and stop(p)")


def rig_file(place, supply=1, board=2, more=""):
    path = place / "rig.yaml"
    path.write_text(RIG.format(supply=supply, board=board, more=more))
    return path


def test_found_opened_and_used_through_the_guardian(run, tmp_path):
    ps2, lb4 = Ps2(), Lb4()
    rig = rig_file(tmp_path, Instrument(ps2).port, Instrument(lb4).port)
    done = run("-c", USE, str(rig))
    assert done.returncode == 0, done.stderr[-1500:]
    told = json.loads(done.stdout)
    assert {"supply.acme-ps2", "line.acme-lb4"} <= set(told["kinds"])
    assert told["identities"] == {"psu1": "ACME,PS-2,77,1.0", "lines1": "ACME LB-4 1.2"}
    assert (told["volts"], told["pressed"], told["v_int"]) == (3.8, True, True)
    assert (ps2.on, lb4.closed) == (False, set())  # the lease's end made it safe


def test_settings_are_checked_with_file_and_line(run, tmp_path):
    rig = rig_file(tmp_path, more=", timout_s: 1.0")
    done = run("-m", "cellbench", "rig", "validate", str(rig))
    assert done.returncode != 0
    assert "rig.yaml:4: instruments.lines1.timout_s: unknown key; did you mean timeout_s?" in (
        done.stdout + done.stderr)


def test_without_the_package_its_kinds_are_unknown(tmp_path):
    rig = rig_file(tmp_path)
    done = subprocess.run([sys.executable, "-m", "cellbench", "rig", "validate", str(rig)],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "line.acme-lb4" in done.stdout + done.stderr
