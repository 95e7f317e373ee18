"""The module of a test that failed is asked how it is, or the record says why not; the verdict is the
test's own.

tests/acceptance/failure_collector.py does this with many kinds of failures, with and without.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cellbench.record.attempt import Attempt
from cellbench.record.diagnosis import DiagnosisRecord
from cellbench.record.run import RunRecord, read_run

TESTS = '''
import pytest
from cellbench.api import procedure


def test_good(dut):
    assert dut.send("AT").ok


@procedure("R8:7.1", title="no network", depends_on=("network",))
def test_no_network(dut):
    dut.send('AT+CGDCONT=2,"IP","hush.hush.example"')
    for pair in ('"user","hush.hush.example"', '"hush.hush.example","user"'):
        dut.send(f"AT+UAUTHREQ=2,1,{pair}", check=False)
    dut.send("AT+CFUN=0")
    pytest.fail("no network, and an APN that is a secret")


def test_data_mode(online):
    online.at.open_data(f"ATD*99***{online.cid}#")
    pytest.fail("in data mode")
'''
RUN_S = 180.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunRecord]:
    """The journal of one run of the tests above, whose output is beside it."""
    folder = tmp_path_factory.mktemp("diagnosis")
    environment = {**os.environ, "CELLBENCH_RUNTIME_DIR": str(folder / "run"),
                   "CELLBENCH_LOCK_DIR": str(folder / "locks"), "CELLBENCH_GUARDIAN_IDLE_S": "1"}
    rack = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "a=LENA-R8", "--dir",
         str(folder / "rack"), "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True)
    try:
        assert rack.stdout is not None
        rig = json.loads(rack.stdout.readline())["rig_file"]
        (folder / "test_them.py").write_text(TESTS)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--rig",
             rig, "--results", "out", "--reports", "none", "--progress", "off", "-q", "test_them.py"],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_S, check=False)
        found = list((folder / "out").glob("*/journal.jsonl"))
        assert len(found) == 1, done.stdout + done.stderr
        (found[0].parent / "said").write_text(done.stdout)
        yield read_run(found[0])
    finally:
        rack.terminate()
        rack.wait(30)


def attempt(run: RunRecord, name: str) -> Attempt:
    return next(one for one in run.attempts if one.procedure.endswith(f"::{name}"))


def verdict(run: RunRecord, name: str) -> tuple[str, str, str]:
    found = attempt(run, name).verdict
    assert found is not None
    return found.outcome.value, found.owner.value if found.owner else "", found.reason


def diagnosis(run: RunRecord, name: str) -> DiagnosisRecord:
    (found,) = attempt(run, name).diagnoses
    return found


def test_what_passes_is_not_asked(run: RunRecord) -> None:
    assert verdict(run, "test_good")[0] == "PASS"
    assert attempt(run, "test_good").diagnoses == ()


def test_a_second_interface_is_asked_about_a_network_that_is_not_there(run: RunRecord) -> None:
    outcome, owner, _ = verdict(run, "test_no_network")
    assert (outcome, owner) == ("ERROR", "network")
    found = diagnosis(run, "test_no_network")
    answers = {poll.line: poll.answer for poll in found.polls}
    assert found.port == "a.at0"
    assert answers["AT+CFUN?"] == ("+CFUN: 0", "OK")
    said = (run.folder / "said").read_text()
    assert "state of the module, a: asked over a.at0" in said
    assert "AT+CFUN?      +CFUN: 0" in said


def test_secrets_are_blanked_as_everywhere(run: RunRecord) -> None:
    answers = {poll.line: poll.answer for poll in diagnosis(run, "test_no_network").polls}
    assert any("*" * len("hush.hush.example") in line for line in answers["AT+CGDCONT?"])
    texts = [path.read_text(errors="replace") for path in run.folder.rglob("*")
             if path.is_file() and "sqlite" not in path.name]
    assert len(texts) > 2
    assert [text for text in texts if "hush.hush" in text] == []


def test_nothing_is_asked_in_data_mode(run: RunRecord) -> None:
    assert verdict(run, "test_data_mode") == ("FAIL", "unit", "in data mode")
    assert diagnosis(run, "test_data_mode").polls == ()
    assert diagnosis(run, "test_data_mode").notes == ("a.uart is in data mode",)
