"""Tests without a slot: each once, files kept together, nobody idle while much is left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cellbench.session.workers.slotless import SlotlessTests, file_of


def queue(files: dict[str, int]) -> tuple[SlotlessTests, list[str]]:
    tests = SlotlessTests()
    names = [f"{file}::{number}" for file, count in files.items() for number in range(count)]
    for name in names:
        tests.add(name)
    return tests, names


def test_a_worker_stays_in_its_file_and_others_take_the_next() -> None:
    tests, names = queue({"a.py": 3, "b.py": 2})
    assert tests.take("", set(), names) == "a.py::0"
    assert tests.take("", {"a.py"}, names) == "b.py::0"
    assert tests.take("a.py", {"b.py"}, names) == "a.py::1"
    assert tests.take("b.py", {"a.py"}, names) == "b.py::1"


def test_few_tests_are_left_to_the_one_who_is_in_their_file() -> None:
    tests, names = queue({"a.py": 3})
    assert tests.take("z.py", {"a.py"}, names) is None
    tests, names = queue({"a.py": 30})
    assert tests.take("z.py", {"a.py"}, names) == "a.py::29"


def test_what_is_given_back_comes_first() -> None:
    tests, names = queue({"a.py": 3})
    first = tests.take("", set(), names)
    assert first is not None
    tests.give_back(first)
    assert tests.take("a.py", set(), names) == first
    assert tests.drain() == names[1:]
    assert not tests


@given(st.dictionaries(st.sampled_from(["a.py", "b.py", "c.py", "d.py"]), st.integers(1, 40), min_size=1),
       st.data())
def test_every_test_is_handed_out_once(files: dict[str, int], data: st.DataObject) -> None:
    tests, names = queue(files)
    at, out, idle = dict.fromkeys(range(3), ""), [], set()
    while len(idle) < 3:
        worker = data.draw(st.sampled_from([one for one in at if one not in idle]))
        held = {file for other, file in at.items() if other != worker and other not in idle and file}
        taken = tests.take(at[worker], held, names)
        if taken is None:
            idle.add(worker)
        else:
            at[worker] = file_of(taken)
            out.append(taken)
    assert sorted(out) == sorted(names)
    assert not tests
