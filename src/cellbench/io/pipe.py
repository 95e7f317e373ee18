"""The four-verb pipe that every byte stream of the host side plugs into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from cellbench.base.clock import Deadline
from cellbench.base.errors import RigError


class PortMissing(RigError):
    """A port that the rig file names is not there; the message lists those that are."""


class PortLost(RigError):
    """A port that was open vanished (USB re-enumeration, server gone, cable)."""


class PortStuck(RigError):
    """The far end did not take what was written before the deadline (flow control held)."""


class Pipe(Protocol):
    """Any byte stream: a serial port, a TCP connection, a multiplexer channel."""

    name: str

    def open(self) -> None:
        """Open the stream; a closed or lost pipe may be opened again. Raises PortMissing."""
        ...

    def read(self, limit: int, timeout_s: float) -> bytes:
        """At most ``limit`` bytes as soon as any are there; ``b""`` when none came in ``timeout_s``
        seconds (0 looks only). Raises PortLost when the stream is gone or not open."""
        ...

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all of ``data``. Raises PortLost, or PortStuck when the deadline passes."""
        ...

    def close(self) -> None:
        """Close the stream; closing twice is allowed. Never raises."""
        ...


@runtime_checkable
class LinePort(Pipe, Protocol):
    """A pipe with a bit rate and control lines."""

    def set_rate(self, bit_s: int) -> None:
        """Set the bit rate. Raises NotPossible where the stream has none."""
        ...

    def set_output(self, line: str, on: bool) -> None:
        """Drive ``"dtr"`` or ``"rts"``. Raises NotPossible where the stream has no such line."""
        ...

    def read_inputs(self) -> Mapping[str, bool]:
        """State of ``"cts"``, ``"dsr"``, ``"dcd"``, ``"ri"``. Raises NotPossible."""
        ...


@runtime_checkable
class HasFileno(Protocol):
    """A pipe whose arrival of bytes can be waited for by its file descriptor."""

    def fileno(self) -> int:
        """The descriptor, or -1 while the pipe is closed."""
        ...


@runtime_checkable
class HasRate(Protocol):
    """A pipe whose bytes take the time that a bit rate gives them."""

    @property
    def rate(self) -> int:
        """The bit rate in bit/s."""
        ...
