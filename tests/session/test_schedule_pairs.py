"""Procedures on two slots, on real pytest-xdist runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from cellbench.session.names import place_in, slots_in, without_slot

THREE = {"a1": "LENA-R8", "a2": "LARA-R6", "a3": "LENA-R8"}

PAIRS = """
    @procedure(title="single", series=BOTH)
    @pytest.mark.parametrize("number", range(2))
    def test_single(slot_name, number):
        with span("single", slot_name):
            ran(f"single-{slot_name}-{number}")
            time.sleep(0.05)

    @procedure(title="any two", series=BOTH, slots=2)
    def test_any(slot_name, peer_name):
        with span("any", slot_name, peer_name):
            ran(f"any-{slot_name}-{peer_name}")
            time.sleep(0.05)

    @procedure(title="with a LARA-R6", series=("LENA-R8",), slots=2, peer_series=("LARA-R6",))
    @pytest.mark.parametrize("way", ["x-y"])
    def test_lara(way, slot_name, peer_name):
        with span("lara", slot_name, peer_name):
            ran(f"lara-{slot_name}-{peer_name}")

    def test_without_slot():
        ran("none")
"""


def _overlaps(spans: Sequence[tuple[str, str, float, float]]) -> list[object]:
    return [
        (one, other) for one, other in combinations(spans, 2)
        if set(one[1].split("+")) & set(other[1].split("+")) and one[2] < other[3] and other[2] < one[3]
    ]


def test_two_slots_meet_over_workers_as_they_do_without(project: Callable) -> None:
    ours = project(PAIRS, THREE)
    done = ours.run("-n", "auto", "--spare-workers", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_any[a3+a1]" in done.stdout
    spans, over_workers = ours.spans(), ours.verdicts()
    assert len(spans) == 11
    assert _overlaps(spans) == []
    assert ours.ran() == {
        **{f"single-{slot}-{number}": 1 for slot in THREE for number in range(2)},
        "any-a1-a2": 1, "any-a2-a3": 1, "any-a3-a1": 1, "lara-a1-a2": 1, "lara-a3-a2": 1, "none": 1,
    }
    begun = ours.records("attempt.started")
    assert [entry["peer"] for entry in begun if (entry["procedure"], entry["slot"]) == (
        "test_it.py::test_lara[x-y]", "a3")] == ["a2"]
    took_part = [entry for entry in ours.records("event") if entry["what"] == "took-part"]
    assert sorted(entry["slot"] for entry in took_part) == ["a1", "a2", "a2", "a2", "a3"]
    assert {entry["values"]["attempt"] for entry in took_part} <= {entry["attempt"] for entry in begun}
    for path in (ours.folder / "out").glob("*/*"):
        path.unlink()
    assert ours.run().returncode == 0
    assert ours.verdicts() == over_workers


def test_one_slot_alone_cannot(project: Callable) -> None:
    ours = project(PAIRS, THREE)
    done = ours.run("--slot", "a1", "--slot", "a3", "-k", "lara")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ours.verdicts() == [("a1", "test_lara[x-y]", "NOT_POSSIBLE", "rig"),
                               ("a3", "test_lara[x-y]", "NOT_POSSIBLE", "rig")]
    why = ours.reason("a1", "test_lara[x-y]")
    assert "needs a second slot of series LARA-R6 beside a1; this run has a1, a3" in why
    wrong = project("""
    @procedure(title="one", series=BOTH, slots=2)
    def test_one(slot_name):
        pass

    @procedure(title="two", series=BOTH)
    def test_two(slot_name, peer_name):
        pass
    """)
    done = wrong.run("--continue-on-collection-errors")
    assert "test_one is on two slots and uses one" in done.stdout
    done = wrong.run("-k", "two")
    assert done.returncode == 2


def test_a_slot_that_dies_or_is_lost_costs_no_other(project: Callable) -> None:
    """a1's worker dies in a procedure on two slots, a2's in one of its own; a4's can never be started."""
    ours = project(
        """
        @procedure(title="single", series=BOTH)
        def test_single(slot_name):
            ran(f"single-{slot_name}")
            if slot_name == "a2":
                os.kill(os.getpid(), signal.SIGKILL)

        @procedure(title="two", series=BOTH, slots=2)
        def test_two(slot_name, peer_name):
            ran(f"two-{slot_name}-{peer_name}")
            if slot_name == "a1":
                os.kill(os.getpid(), signal.SIGKILL)

        @procedure(title="two more", series=BOTH, slots=2)
        def test_two_more(slot_name, peer_name):
            ran(f"more-{slot_name}-{peer_name}")
        """,
        {**THREE, "a4": "LARA-R6"},
        conftest="""
        import os

        def pytest_sessionstart(session):
            if getattr(session.config, "workerinput", {}).get("cellbench_slot") == "a4":
                os._exit(3)
        """,
    )
    done = ours.run("-n", "auto")
    assert done.returncode == 12, done.stdout + done.stderr
    assert ours.ran() == {"single-a1": 1, "single-a2": 1, "single-a3": 1, "two-a1-a2": 1, "two-a2-a3": 1,
                          "more-a1-a2": 1, "more-a2-a3": 1}
    found = [verdict for verdict in ours.verdicts() if verdict[2] != "PASS"]
    assert found == [("a1", "test_two", "ERROR", "framework"),
                     ("a2", "test_single", "ERROR", "framework"),
                     ("a3", "test_two", "NOT_POSSIBLE", "rig"),
                     ("a3", "test_two_more", "NOT_POSSIBLE", "rig"),
                     ("a4", "start of the worker", "ERROR", "framework")]
    assert "killed by SIGKILL" in ours.reason("a1", "test_two")
    assert "the second slot a4 was lost" in ours.reason("a3", "test_two")


def test_names_of_two_slots_are_found_and_left_out() -> None:
    slots = ("a", "a-b", "b", "c.1")
    assert slots_in("t.py::test[a+b]", slots) == ("a", "b")
    assert place_in("t.py::test[1-a-b+c.1-x]", slots) == "a-b+c.1"
    assert place_in("t.py::test[1+2-a]", slots) == "a"
    assert without_slot("t.py::test[1-a-b+c.1-x]", "a-b+c.1") == "t.py::test[1-x]"
    assert slots_in("t.py::test[d+e]", slots) == ()
