"""The far side's servers are shared by all slots of a run: who disturbs one must be alone with it.

A procedure that needs ``far-side:server`` runs while no other slot's procedure depends on a service; those
run beside each other.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellbench.session.procedure import Procedure

DISTURBS = "far-side:server"


@contextmanager
def share_services(folder: Path, marked: Procedure | None) -> Iterator[None]:
    """Hold the services of a run as a procedure needs them: alone, beside others, or not at all."""
    mode = _mode(marked)
    if mode is None:
        yield
        return
    descriptor = os.open(folder / "services.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, mode)
        yield
    finally:
        os.close(descriptor)


def _mode(marked: Procedure | None) -> int | None:
    if marked is None:
        return None
    if DISTURBS in marked.needs:
        return fcntl.LOCK_EX
    if any(name.startswith("service:") for name in marked.depends_on):
        return fcntl.LOCK_SH
    return None
