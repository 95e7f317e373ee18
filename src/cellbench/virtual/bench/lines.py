"""An instrument that takes one text line after the other over TCP; one client at a time."""

from __future__ import annotations

from collections.abc import Callable

from .tcp import Link, OneClientServer

MAX_LINE = 4096

Handler = Callable[[str], str | None]


class LineServer:
    """Lines end with LF (CR before it is white space); answers with ``terminator``."""

    def __init__(self, handle: Handler, terminator: str = "\n") -> None:
        self._handle = handle
        self._terminator = terminator.encode("ascii")
        self._buffer = bytearray()
        self._link: Link | None = None
        self._server = OneClientServer(self)

    async def start(self) -> int:
        """Listen; returns the port."""
        return await self._server.start()

    async def stop(self) -> None:
        """Close all connections."""
        await self._server.stop()

    def opened(self, link: Link) -> None:
        """A client has the place."""
        self._link = link
        self._buffer.clear()

    def closed(self) -> None:
        """The client left."""
        self._link = None

    def received(self, data: bytes) -> None:
        """Collect lines; one that is too long is dropped."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).decode("ascii", "replace").strip()
            del self._buffer[: end + 1]
            answer = self._handle(line) if line else None
            if answer is not None and self._link is not None:
                self._link.send(answer.encode("ascii") + self._terminator)
        if len(self._buffer) > MAX_LINE:
            self._buffer.clear()
