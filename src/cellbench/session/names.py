"""Names of tests: which slots a node id is for, and what it is called in the store.

A place is what stands for slots among a node id's parameters: ``a1``, or ``a1+a2`` for a procedure on two.
"""

from __future__ import annotations

from collections.abc import Iterable

PAIR = "+"  # no slot's name has it


def place_in(nodeid: str, slots: Iterable[str]) -> str:
    """The place among the parameters of a node id, "" for none; of several that fit, the longest."""
    parameters = parameters_of(nodeid)
    if not parameters:
        return ""
    names = tuple(slots)
    found = [slot for slot in names if _has(parameters, slot)]
    if PAIR in parameters:
        begins = [slot for slot in names if f"-{slot}{PAIR}" in f"-{parameters}"]
        pairs = (pair_of(first, second) for first in begins for second in names)
        found += [pair for pair in pairs if _has(parameters, pair)]
    return max(found, key=len, default="")


def slots_in(nodeid: str, slots: Iterable[str]) -> tuple[str, ...]:
    """The slots that a node id is for: none, one, or two, the one whose procedure it is first."""
    place = place_in(nodeid, slots)
    return tuple(place.split(PAIR)) if place else ()


def slot_in(nodeid: str, slots: Iterable[str]) -> str:
    """The slot whose procedure a node id is, "" for none."""
    return place_in(nodeid, slots).partition(PAIR)[0]


def pair_of(first: str, second: str) -> str:
    """The place of a procedure on two slots."""
    return f"{first}{PAIR}{second}"


def without_slot(nodeid: str, place: str) -> str:
    """A node id without the place among its parameters: the procedure's identity in the store."""
    parameters = parameters_of(nodeid)
    begin = f"-{parameters}-".find(f"-{place}-") if parameters and place else -1
    if begin < 0:
        return nodeid
    left = (parameters[: max(0, begin - 1)], parameters[begin + len(place) + 1 :])
    rest = "-".join(part for part in left if part)
    head = nodeid[: -len(parameters) - 2]
    return f"{head}[{rest}]" if rest else head


def parameters_of(nodeid: str) -> str:
    """What stands in brackets at the end of a node id."""
    _, bracket, rest = nodeid.partition("[")
    return rest[:-1] if bracket and rest.endswith("]") else ""


def spoken(nodeid: str) -> str:
    """A test's name as words, for one that has no title."""
    return nodeid.partition("[")[0].rpartition("::")[2].removeprefix("test_").replace("_", " ")


def _has(parameters: str, place: str) -> bool:
    return f"-{place}-" in f"-{parameters}-"
