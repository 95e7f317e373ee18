"""The program ``cellbench virtual up``: a rack in the foreground until SIGINT or SIGTERM."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from .rack import ParkFactory


def up(slots: Sequence[str], directory: Path, *, timing: str = "fast", powered: bool = False,
       park_factory: ParkFactory | None = None, seed: int = 0,
       out: TextIO = sys.stdout, err: TextIO = sys.stderr) -> int:
    """Run a virtual rack in the foreground; the exit status of the program.

    ``slots`` are texts ``[NAME=]SERIES[:VARIANT]``. When the rack is ready exactly one JSON line goes to
    ``out``; everything else goes to ``err`` and DIR/log. With ``powered`` all modules are switched on and
    ready before that line. SIGINT and SIGTERM end it with 0 within 3 s. ``park_factory`` makes the servers
    of the virtual internet (None: every address of it is unreachable).

    Raises OperatorError for a bad slot specification or a directory that another rack holds.
    """
    raise NotImplementedError
