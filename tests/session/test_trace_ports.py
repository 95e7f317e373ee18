"""A run on a virtual rack: trace ports are kept around what goes wrong, and a port's end is told as what it
was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cellbench.record.attempt import Attempt
from cellbench.record.run import RunRecord, read_run
from cellbench.report.junit import render as junit
from cellbench.report.results import result_columns

TESTS = '''
import pytest
from cellbench.api import procedure


def lose(dut, far_side, verb, **values):
    """Take the module off USB and talk to the port that was open."""
    port = dut.port("at0")
    port.send("AT")
    far_side.act(verb, **values)
    for _ in range(500):
        port.send("AT", timeout_s=0.5, check=False)


def test_good(dut):
    assert dut.send("AT").ok


def test_asked_for(dut, keep_traces):
    keep_traces("a procedure about traces")
    dut.port("at0").wait_until(lambda: False, 0.3)


def test_bad(dut):
    dut.port("at0").wait_until(lambda: False, 0.3)
    assert dut.send("AT+CGMM").text == "another module"


def test_cable(dut, far_side):
    try:
        lose(dut, far_side, "usb", state="unplug")
    finally:
        far_side.act("usb", state="plug")


def test_reset(dut, far_side):
    lose(dut, far_side, "reset")


def test_own_reboot(dut):
    port = dut.port("at0")
    port.send("AT+CFUN=16")
    port.wait_until(lambda: False, 10.0)
'''
TRACES = "\ntraces: {record: failures, ring_mib: 0.02}\n"
RUN_S = 180.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunRecord]:
    """The journal of one run of the tests above."""
    folder = tmp_path_factory.mktemp("traces")
    environment = {**os.environ, "CELLBENCH_RUNTIME_DIR": str(folder / "run"),
                   "CELLBENCH_LOCK_DIR": str(folder / "locks"), "CELLBENCH_GUARDIAN_IDLE_S": "1"}
    rack = subprocess.Popen(
        [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "a=LENA-R8",
         "--dir", str(folder / "rack"), "--set", "trace_byte_s=20000", "--end-with", str(os.getpid())],
        stdout=subprocess.PIPE, text=True)
    try:
        assert rack.stdout is not None
        assert json.loads(rack.stdout.readline())["ready"]
        rig = folder / "rack" / "rig.yaml"
        (folder / "rig.yaml").write_text(rig.read_text() + TRACES)
        (folder / "test_traces.py").write_text(TESTS)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--rig",
             "rig.yaml", "--results", "out", "--reports", "none", "-q", "test_traces.py"],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_S, check=False)
        found = list((folder / "out").glob("*/journal.jsonl"))
        assert len(found) == 1, done.stdout + done.stderr
        yield read_run(found[0])
    finally:
        rack.terminate()
        rack.wait(20)


def attempt(run: RunRecord, name: str) -> Attempt:
    return next(one for one in run.attempts if one.procedure.endswith(f"::{name}"))


def outcome(run: RunRecord, name: str) -> tuple[str, str, str]:
    verdict = attempt(run, name).verdict
    assert verdict is not None
    return verdict.outcome.value, verdict.owner.value if verdict.owner else "", verdict.reason


def test_what_went_well_leaves_no_traces(run):
    assert outcome(run, "test_good")[0] == "PASS"
    assert attempt(run, "test_good").captures == ()


def test_what_failed_keeps_both_trace_ports_within_their_bound(run):
    assert outcome(run, "test_bad")[0] == "FAIL"
    captures = attempt(run, "test_bad").captures
    assert [one.port for one in captures] == ["a.cp-trace", "a.ap-trace"]
    for one in captures:
        data = (run.folder / one.file).read_bytes()
        assert one.file == f"trace/{attempt(run, 'test_bad').id}/a.{one.role}.bin"
        assert 0 < len(data) == one.bytes <= 0.02 * 1024 * 1024
        assert one.reason == "kept because of FAIL"
    assert b"\x7e" in (run.folder / captures[0].file).read_bytes()


def test_what_a_procedure_asks_for_is_kept_though_it_passed(run):
    assert outcome(run, "test_asked_for")[0] == "PASS"
    captures = attempt(run, "test_asked_for").captures
    assert [one.reason for one in captures] == ["a procedure about traces"] * 2
    assert all(one.bytes for one in captures)


def test_a_pulled_cable_is_the_rigs(run):
    verdict, owner, reason = outcome(run, "test_cable")
    assert (verdict, owner) == ("ERROR", "rig")
    assert "unplugged" in reason
    assert "usb-lost" in [event.event.what for event in run.events]


def test_a_reset_is_the_units(run):
    verdict, owner, reason = outcome(run, "test_reset")
    assert (verdict, owner) == ("FAIL", "unit")
    assert "module reset" in reason


def test_a_restart_that_the_procedure_sent_itself_is_not_the_units(run):
    verdict, owner, reason = outcome(run, "test_own_reboot")
    assert (verdict, owner) == ("ERROR", "rig")
    assert "reset" not in reason


def test_reports_link_the_traces(run, tmp_path):
    out = junit(run, tmp_path / "junit.xml")
    capture = attempt(run, "test_bad").captures[0]
    assert capture.file in out.read_text()
    data = result_columns(run)
    assert capture.file in data["texts"]
