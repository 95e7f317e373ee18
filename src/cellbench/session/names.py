"""Names of tests: which slot a node id is for, and what it is called in the store."""

from __future__ import annotations

from collections.abc import Iterable


def slot_in(nodeid: str, slots: Iterable[str]) -> str:
    """The slot among the parameters of a node id, "" for none; of two that fit, the longer name."""
    parameters = parameters_of(nodeid)
    if not parameters:
        return ""
    return max((slot for slot in slots if _names(parameters, slot)), key=len, default="")


def without_slot(nodeid: str, slot: str) -> str:
    """A node id without the slot among its parameters: the procedure's identity in the store."""
    parameters = parameters_of(nodeid)
    begin = f"-{parameters}-".find(f"-{slot}-") if parameters and slot else -1
    if begin < 0:
        return nodeid
    left = (parameters[: max(0, begin - 1)], parameters[begin + len(slot) + 1 :])
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


def _names(parameters: str, slot: str) -> bool:
    return f"-{slot}-" in f"-{parameters}-"
