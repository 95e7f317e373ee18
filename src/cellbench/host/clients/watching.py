"""A long wait for a client's result, with a look at something now and then."""

from __future__ import annotations

from collections.abc import Callable

from cellbench.base.clock import Deadline
from cellbench.host.urclog import Expectation, UrcEvent, UrcTimeout

Watch = Callable[[], None]
"""Called between two waits; may send commands. What it raises ends the wait."""

LOOK_S = 1.0  # between two looks


def watched(heard: Expectation, timeout_s: float, watch: Watch | None) -> UrcEvent:
    """The next URC that fits, within ``timeout_s`` seconds; ``watch`` is called each second until then.
    Raises UrcTimeout, PortLost."""
    if watch is None:
        return heard.wait(timeout_s)
    deadline = Deadline.after(timeout_s)
    while True:
        try:
            return heard.wait(min(LOOK_S, deadline.remaining))
        except UrcTimeout:
            if deadline.expired:
                raise UrcTimeout(f"no result within {timeout_s:g} s") from None
        watch()
