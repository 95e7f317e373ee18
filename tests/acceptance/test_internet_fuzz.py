"""Five thousand lines of the internet and security commands on both series; `make soak` sends 100,000."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_lines_end_and_every_client_works_afterwards() -> None:
    spec = importlib.util.spec_from_file_location(
        "cellbench_internet_fuzz", Path(__file__).with_name("internet_fuzz.py"))
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    found, complaints, status = script.run(5_000, seed=20261121)
    assert {slot: one.unanswered for slot, one in found.items() if one.unanswered} == {}
    assert {slot: one.late for slot, one in found.items() if one.late} == {}
    assert {slot: one.known_good for slot, one in found.items()} == dict.fromkeys(found, "passed")
    assert (complaints, status) == ([], 0)
    assert sum(one.lines for one in found.values()) == 5_000
    assert all(one.ends["OK"] > one.lines // 10 for one in found.values()), "few were taken"
