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
    """

    sections: tuple[str, ...]
    title: str
    depends_on: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    series: tuple[str, ...] = ()


def procedure(
    *sections: str,
    title: str,
    depends_on: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    series: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Mark a test as a procedure.

    A section's prefix says the series it is run on: a test marked "R8:9.2.1" and "R6:5.1" runs on
    both, each against its own guide. A section that the catalogue does not know stops the collection.
    """

    def mark(function: F) -> F:
        marked: F = pytest.mark.procedure(
            *sections, title=title, depends_on=depends_on, needs=needs, series=series
        )(function)
        return marked

    return mark


def procedure_of(item: pytest.Item) -> Procedure | None:
    """The mark of a collected test."""
    mark = item.get_closest_marker("procedure")
    if mark is None:
        return None
    return procedure_from(mark)


def procedure_from(mark: pytest.Mark) -> Procedure:
    """The mark's values, checked."""
    return Procedure(
        sections=tuple(mark.args),
        title=mark.kwargs["title"],
        depends_on=tuple(mark.kwargs.get("depends_on", ())),
        needs=tuple(mark.kwargs.get("needs", ())),
        series=tuple(mark.kwargs.get("series", ())),
    )
