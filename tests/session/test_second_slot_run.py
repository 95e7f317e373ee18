"""A far side that is another slot's module, in a run over workers: one of them gets both slots."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cellbench.guardian.start import stop

RIG = """\
rig: pair
evidence: simulated
launch: cellbench virtual up --slot a1=LARA-R6:LARA-R6001 --slot a2=LARA-R6:LARA-R6001
slots:
  a1:
    series: LARA-R6
    variant: LARA-R6001
    sim: {ref: s1, number: "+393650018994"}
    far_side: {kind: second-slot, slot: a2}
  a2:
    series: LARA-R6
    variant: LARA-R6001
    sim: {ref: s2, number: "+393650018995"}
network: {apn: apn_name}
far_side: {kind: virtual}
"""
SUITE = """\
from cellbench.api import procedure

@procedure(title="A call comes in", needs=("far-side:call",))
def test_call(registered, far_side, own_number):
    with registered.calls.rings() as ring:
        far_side.act("call")
        ring.wait(60.0)
    registered.calls.hang_up()
    with registered.sms() as sms, sms.arrival() as arrival:
        far_side.act("sms", text="Hello " + own_number)
        message = arrival.wait(60.0)
        assert message.text == "Hello " + own_number
        sms.delete(message.index)

@procedure(title="The other slot is its own again")
def test_after(dut):
    assert dut.send("AT").ok

@procedure(title="A call from somebody else", needs=("far-side:call",))
def test_caller(registered, far_side):
    far_side.act("call", number="+49999")
"""
PAIR = """\
from cellbench.api import procedure

@procedure(title="Two answer", series=("LARA-R6",), slots=2)
def test_pair(dut, peer):
    assert dut.send("AT").ok and peer.send("AT").ok
"""


def test_the_second_slot_acts_in_a_run(tmp_path: Path) -> None:
    """a1 is called by a2 and gets its message; the numbers are those that the rack gives its slots. For a2,
    whose far side is the rack, strangers do it. Procedures on two slots follow in two files: between them is
    what a worker only lends its slot for."""
    (tmp_path / "rig.yaml").write_text(RIG)
    (tmp_path / "test_call.py").write_text(SUITE)
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(PAIR)
    environment = {**os.environ, "CELLBENCH_RUNTIME_DIR": str(tmp_path / "guardian"),
                   "CELLBENCH_LOCK_DIR": str(tmp_path / "locks")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "test_call.py", "test_one.py", "test_two.py", "--rig", "rig.yaml",
         "--results", "out", "--reports", "none", "-p", "no:cacheprovider", "-n", "auto"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False)
    stop(tmp_path / "guardian")
    (journal,) = (tmp_path / "out").glob("*/journal.jsonl")
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    ended = [one["data"] for one in records if one["kind"] == "attempt.ended"]
    pairs = [one["verdict"]["outcome"] for one in ended if one["procedure"].endswith("::test_pair")]
    found = {(one["procedure"].partition("::")[2], one["slot"]): one["verdict"] for one in ended
             if not one["procedure"].endswith("::test_pair")}
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert found["test_caller", "a1"]["outcome"] == "NOT_POSSIBLE"
    assert "the SIM of slot a2 is +393650018995" in found["test_caller", "a1"]["reason"]
    for name in ("test_call", "test_after"):
        assert {found[name, slot]["outcome"] for slot in ("a1", "a2")} == {"PASS"}
    assert len(found) == 6
    assert pairs == ["PASS"] * 4
