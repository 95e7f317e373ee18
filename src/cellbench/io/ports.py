"""From a rig file's port address to a pipe."""

from __future__ import annotations

from cellbench.io.pipe import LinePort


def open_pipe(url: str) -> LinePort:
    """The pipe for a path (``/dev/ttyUSB0``), ``rfc2217://host:port`` or ``socket://host:port``.

    It is made, not yet opened: call ``open()``. Raises OperatorError for an address of no known form.
    """
    raise NotImplementedError(url)
