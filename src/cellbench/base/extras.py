"""Packages that only some users need: a missing one is a sentence with the command that installs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cellbench.base.errors import CellbenchError, OperatorError


@contextmanager
def optional(extra: str, purpose: str, error: type[CellbenchError] = OperatorError) -> Iterator[None]:
    """Import inside it what ``extra`` of this package brings.

    ``purpose`` begins the sentence ("the virtual rack"). Raises ``error`` (OperatorError) when a package is
    not installed; what fails inside a package that is there passes through.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        name = (missing.name or "").split(".")[0]
        if name == "cellbench":
            raise
        raise error(f"{purpose} needs the package {name}, which is not installed",
                    remedy=f"pip install 'cellbench[{extra}]'") from missing
