"""Procedures on two slots with modules in them: a virtual rack, a guardian, leases that change hands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cellbench.guardian.start import stop

SLOTS = {"r8": "LENA-R8", "r6": "LARA-R6"}

TESTS = """
    from cellbench.api import DutState, NotPossible

    @procedure(title="alone before", series=BOTH)
    def test_alone(dut, slot_name, equipment):
        with pytest.raises(NotPossible, match="is another worker's"):
            equipment.dut_at("r6" if slot_name == "r8" else "r8", DutState.READY)
        ran(f"alone-{slot_name}-{dut.identify().imei}")

    @procedure(title="together", series=BOTH, needs=("cut-power",), slots=2, peer_needs=("cut-power",))
    def test_together(dut, peer, slot, peer_slot, record):
        with record.step("both answer"):
            assert dut.identify().imei != peer.identify().imei
        assert slot.is_powered()
        assert peer_slot.is_powered()
        ran(f"together-{slot.name}-{peer_slot.name}-{peer.identify().imei}")

    @procedure(title="dies with both", series=("LENA-R8",), slots=2)
    def test_u_dies(dut, peer, slot_name):
        ran(f"dies-{slot_name}")
        os.kill(os.getpid(), signal.SIGKILL)

    @procedure(title="lacks", series=("LENA-R8",), slots=2, peer_needs=("swap-sim",))
    def test_v_lacks(slot_name, peer_name):
        ran("lacks")

    @procedure(title="fails at the second slot's supply", series=("LARA-R6",), slots=2)
    def test_w_blamed(slot_name, peer_slot, peer_at):
        peer_at(DutState.READY)
        peer_slot.lease.power_off(hard=True, cause="test")
        assert False, "what the second slot's supply is to blame for"
"""


def test_two_modules_over_workers(project: Callable, tmp_path: Path) -> None:
    where = {"CELLBENCH_RUNTIME_DIR": str(tmp_path / "run"), "CELLBENCH_LOCK_DIR": str(tmp_path / "locks"),
             "CELLBENCH_GUARDIAN_IDLE_S": "5"}
    slots = " ".join(f"--slot {name}={series}" for name, series in SLOTS.items())
    ours = project(TESTS, SLOTS)
    lines = [f"  {name}: {{series: {series}}}" for name, series in SLOTS.items()]
    (ours.folder / "rig.yaml").write_text("\n".join([
        "rig: two", "evidence: simulated", f"launch: {sys.executable} -m cellbench virtual up {slots}",
        "far_side: {kind: virtual}", "slots:", *lines]))
    try:
        done = subprocess.run(
            ours.command("-n", "auto", "--timing", "fast"), cwd=ours.folder, capture_output=True, text=True,
            timeout=180, check=False, env={**os.environ, **where},
        )
    finally:
        stop(tmp_path / "run")
    assert done.returncode == 12, done.stdout + done.stderr
    ran = ours.ran()
    imei = {name.split("-")[1]: name.split("-")[2] for name in ran if name.startswith("alone-")}
    assert ran == {f"alone-r8-{imei['r8']}": 1, f"alone-r6-{imei['r6']}": 1,
                   f"together-r8-r6-{imei['r6']}": 1, f"together-r6-r8-{imei['r8']}": 1, "dies-r8": 1}
    assert ours.verdicts() == [
        ("r6", "test_alone", "PASS", ""), ("r6", "test_together", "PASS", ""),
        ("r6", "test_w_blamed", "ERROR", "rig"),
        ("r8", "test_alone", "PASS", ""), ("r8", "test_together", "PASS", ""),
        ("r8", "test_u_dies", "ERROR", "framework"), ("r8", "test_v_lacks", "NOT_POSSIBLE", "rig"),
    ]
    assert "is off although nothing switched it off" in ours.reason("r6", "test_w_blamed")
    assert "slot r6 of rig" in ours.reason("r8", "test_v_lacks")
    together = next(one for one in ours.attempts() if one.slot == "r8" and "together" in one.procedure)
    assert together.peer == "r6"
    assert [step.name for step in together.steps] == ["both answer"]
    assert "on slot r8 with slot r6" in together.notes
    assert len({trace.file for trace in together.traces}) == len(together.traces) >= 2
    assert all((journal.parent / trace.file).exists()
               for journal in ours.folder.glob("out/*/journal.jsonl") for trace in together.traces)
    _both_were_made_safe((tmp_path / "run" / "guardian.log").read_text())


def _both_were_made_safe(log: str) -> None:
    """The worker that died held both slots; in the end both are given back."""
    died = re.findall(r"slot (\S+): run \S+ died .*?, (safe|NOT SAFE) after", log)
    assert sorted(died) == [("r6", "safe"), ("r8", "safe")], log
    last = {slot: line for line in log.splitlines() for slot in re.findall(r" slot (\S+): ", line)}
    assert sorted(last) == ["r6", "r8"]
    assert all("safe after" in line for line in last.values()), json.dumps(last)
