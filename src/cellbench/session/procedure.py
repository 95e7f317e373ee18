"""The mark that makes a test a procedure: a guide section made executable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Procedure:
    """What the mark says: guide sections ("R8:9.2.1"), title, what a failure depends on, needs.

    ``needs`` names capabilities of rig or far side ("cut-power", "far-side:network"); without them the
    procedure is NOT_POSSIBLE. ``series`` names the series a procedure without guide section is for.
    ``slots`` is 1 or 2; with 2, ``peer_needs`` and ``peer_series`` say the same of the second slot.
    ``uses`` names classes of instruments that slots share ("analyser"). ``timeout_s`` is the deadline in
    seconds, None for the run's (``--procedure-timeout``).
    """

    sections: tuple[str, ...]
    title: str
    depends_on: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    slots: int = 1
    peer_needs: tuple[str, ...] = ()
    peer_series: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    timeout_s: float | None = None


def procedure(
    *sections: str,
    title: str,
    depends_on: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    series: tuple[str, ...] = (),
    slots: int = 1,
    peer_needs: tuple[str, ...] = (),
    peer_series: tuple[str, ...] = (),
    uses: tuple[str, ...] = (),
    timeout_s: float | None = None,
) -> Callable[[F], F]:
    """Mark a test as a procedure.

    A section's prefix says the series it is run on: a test marked "R8:9.2.1" and "R6:5.1" runs on
    both, each against its own guide. A section that the catalogue does not know stops the collection.

    ``slots=2``: it runs on a slot with another one at its side (fixtures ``peer_at``, ``peer``,
    ``peer_slot``), once with each slot in the first place; the verdict is the first slot's. ``uses``: it
    waits for its turn at the rig's instruments of those classes. ``timeout_s``: what has not ended by then,
    in seconds, is stopped with ERROR framework.
    """
    given = {
        "title": title, "depends_on": depends_on, "needs": needs, "series": series, "slots": slots,
        "peer_needs": peer_needs, "peer_series": peer_series, "uses": uses, "timeout_s": timeout_s,
    }

    def mark(function: F) -> F:
        marked: F = pytest.mark.procedure(*sections, **given)(function)
        return marked

    return mark


def procedure_of(item: pytest.Item) -> Procedure | None:
    """The mark of a collected test."""
    mark = item.get_closest_marker("procedure")
    if mark is None:
        return None
    return procedure_from(mark)


def procedure_from(mark: pytest.Mark) -> Procedure:
    """The mark's values; CollectError for a number of slots or a deadline that cannot be."""
    given = mark.kwargs
    slots, timeout_s = given.get("slots", 1), given.get("timeout_s")
    if slots not in (1, 2):
        raise pytest.Collector.CollectError(f"procedure {given['title']!r}: slots is {slots!r}; say 1 or 2")
    if timeout_s is not None and not timeout_s > 0:
        raise pytest.Collector.CollectError(
            f"procedure {given['title']!r}: timeout_s is {timeout_s!r}; say seconds above 0"
        )
    return Procedure(
        sections=tuple(mark.args),
        title=given["title"],
        slots=slots,
        timeout_s=timeout_s,
        **{name: tuple(given.get(name, ())) for name in _LISTS},
    )


_LISTS = ("depends_on", "needs", "series", "peer_needs", "peer_series", "uses")
