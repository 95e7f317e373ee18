"""A port while a firmware update has it: no AT conversation goes over it, its bytes are the update's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import TracebackType

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible
from cellbench.host.channel import Channel
from cellbench.io.pipe import PortLost

Reopen = Callable[[float], None]


class UpdateLine:
    """Borrows an AT channel's port as a context manager; afterwards the channel has it again, at the rate it
    had before, and tells the module its settings at its next sync.

    ``recent`` is what the last read gave. ``reopen(seconds)`` opens a port that vanished again, wherever it
    is then, and raises what keeps it away.
    """

    def __init__(self, channel: Channel, home_rate: int, reopen: Reopen) -> None:
        self.channel = channel
        self.home_rate = home_rate
        self.rate = home_rate
        self.recent = b""
        self._reopen = reopen
        self._data = bytearray()

    def __enter__(self) -> UpdateLine:
        self.channel.lend(self._feed, _ignored)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with contextlib.suppress(PortLost):
            self.set_rate(self.home_rate)
        self.channel.take_back()
        self.channel.link.hand_on(bytes(self._data))
        self._data.clear()

    @property
    def is_up(self) -> bool:
        """False while the port has vanished."""
        return self.channel.is_up

    def read(self, limit: int, timeout_s: float) -> bytes:
        """See Pipe.read."""
        link = self.channel.link
        if not self._data:
            link.wait(lambda: bool(self._data), time.monotonic() + timeout_s)
        with link.mutex:
            data = bytes(self._data[:limit])
            del self._data[:limit]
        self.recent = data
        return data

    def write(self, data: bytes, deadline: Deadline) -> None:
        """See Pipe.write."""
        self.channel.link.current().write(data, deadline)

    def put_back(self, data: bytes) -> None:
        """The next read gives these bytes, and what was not read yet is dropped."""
        with self.channel.link.mutex:
            self._data[:] = data

    def set_rate(self, bit_s: int) -> None:
        """The host's rate; a port on USB has none. Raises PortLost."""
        self.rate = bit_s
        with contextlib.suppress(NotPossible):
            self.channel.set_rate(bit_s)

    def reopen(self, timeout_s: float) -> None:
        """Open the port anew within ``timeout_s`` seconds; it keeps its rate."""
        self._reopen(timeout_s)
        self.set_rate(self.rate)

    def _feed(self, data: bytes) -> None:
        self._data += data


def _ignored(error: PortLost) -> None:
    """A port that vanishes in an update is found again by whoever reads it."""
