"""Opening a run's equipment at its first use, and not before: collecting touches nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellbench.session.equipment import Equipment
    from cellbench.session.run import Run


def open_equipment(run: Run) -> Equipment:
    """The bench of this process."""
    from cellbench.session.equipment import Equipment

    if run.equipment is None:
        run.equipment = Equipment(run)
    return run.equipment
