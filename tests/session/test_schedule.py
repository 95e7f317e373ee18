"""The scheduler, on real pytest-xdist runs: workers, slots, tests without a slot.

The slots of these runs are bare (no supply, no ports), so nothing is powered: what is tested is who runs
what, how often, and what is said of it. Each run has as many things to show as it can: a run costs seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SLOT_TESTS = """
    @procedure(title="t", series=("LENA-R8", "LARA-R6"))
    @pytest.mark.parametrize("number", range(4))
    def test_on_slot(slot_name, number, request):
        ran(f"{slot_name}-{number}-" + getattr(request.config, "workerinput", {}).get("workerid", "main"))

    @pytest.mark.parametrize("number", range(6))
    def test_without_slot(number):
        ran(f"none-{number}")
"""


def test_every_test_runs_once_and_a_slot_never_changes_its_worker(project: Callable) -> None:
    """A spare worker takes only what needs no slot; names are the same without workers."""
    ours = project(SLOT_TESTS)
    collected = ours.run("--collect-only", "-qq")
    assert collected.returncode == 0
    assert not (ours.folder / "out").exists(), "collecting touches nothing"
    done = ours.run("-n", "auto", "--spare-workers", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    names = [sorted(set(re.findall(r"test_it\.py::\S+", said.stdout))) for said in (collected, done)]
    assert names[0] == names[1]
    assert "test_it.py::test_on_slot[a1-0]" in names[0] or "test_it.py::test_on_slot[0-a1]" in names[0]
    ran = ours.ran()
    assert len(ran) == 14
    assert set(ran.values()) == {1}
    workers = {slot: {name.split("-")[2] for name in ran if name.startswith(slot)} for slot in ("a1", "a2")}
    assert workers in ({"a1": {"gw0"}, "a2": {"gw1"}}, {"a1": {"gw1"}, "a2": {"gw0"}})
    assert len(ours.attempts()) == 8


def test_a_wrong_number_of_workers_is_a_usage_error(project: Callable) -> None:
    ours = project(SLOT_TESTS)
    done = ours.run("-n", "3")
    assert done.returncode == 4
    assert "this rig has 2 slots" in done.stderr
    done = ours.run("-n", "2", "--spare-workers", "2")
    assert done.returncode == 4
    assert "2 spare workers were asked for; say -n auto or -n 4" in done.stderr


def test_a_slot_can_be_chosen(project: Callable) -> None:
    ours = project(SLOT_TESTS)
    assert ours.run("--slot", "a2").returncode == 0
    assert {name.partition("-")[0] for name in ours.ran()} == {"a2", "none"}
    wrong = ours.run("--slot", "a9")
    assert wrong.returncode == 4
    assert "no slot named a9; it has a1, a2" in wrong.stderr


def test_reruns_are_refused(project: Callable) -> None:
    options = "def pytest_addoption(parser):\n    parser.addoption('--reruns', type=int, default=0)\n"
    done = project(SLOT_TESTS, conftest=options).run("--reruns", "2")
    assert done.returncode == 4
    assert "--reruns" in done.stderr


def test_like_slots_share(project: Callable) -> None:
    """Each procedure on one slot of a kind, the same one at every collection; other kinds have theirs."""
    many = project(ALIKE, {"a1": "LENA-R8", "a2": "LENA-R8", "b1": "LARA-R6"})
    done = many.run("-n", "auto", "--share-alike")
    assert done.returncode == 0, done.stdout + done.stderr
    ran: dict[str, list[str]] = {}
    for attempt in many.attempts():
        ran.setdefault(attempt.procedure.rpartition("::")[2], []).append(attempt.slot)
    assert len(ran) == 12
    assert all(sorted(slots) in (["a1", "b1"], ["a2", "b1"]) for slots in ran.values()), ran
    assert {slot for slots in ran.values() for slot in slots} == {"a1", "a2", "b1"}
    again = many.run("-n", "auto", "--share-alike", "--collect-only", "-q")
    assert all(f"[{slots[0]}" in again.stdout for slots in ran.values())


ALIKE = """
    @procedure(title="shared", series=BOTH)
    @pytest.mark.parametrize("number", range(2))
    def test_zero(slot_name, number):
        ran(f"zero-{number}-{slot_name}")
""" + "".join(f'''
    @procedure(title="shared", series=BOTH)
    def test_{name}(slot_name):
        ran("{name}-" + slot_name)
''' for name in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))
