"""A direct link: between CONNECT and DISCONNECT the port carries a file of the server.

The module does not leave by itself at the end of a file; the host sends +++ (LENA-R8 guide 9.3.2.2, LARA-R6
guide 9.1). It does leave when the server or the network is gone: then its last words stand in the bytes.
"""

from __future__ import annotations

import re
import time
from types import TracebackType

from cellbench.base.errors import NotPossible, UnitError
from cellbench.catalogue.ftp_codes import LINK_END_S
from cellbench.host.channel import Channel, Expectation
from cellbench.host.datamode import DataMode
from cellbench.host.files import Progress

_READ = 65_536
_LONGEST_END = 64  # bytes of the module's last words
_LAST_WORDS = re.compile(
    rb"\r\n(?:DISCONNECT|NO CARRIER)\r\n(?:\r\nOK\r\n)?\r\n\+UUFTPCR: ?[67] ?, ?(?P<good>[01])\r\n\Z")
_BEGUN = re.compile(rb"\r\n(?:DISCONNECT|NO CARRIER)\r\n(?:\r\nOK\r\n)?(?:\r\n\+?[U0-9FTPCR:, ]*\r?)?\Z")
_SETTLE_S = 0.05
_FLOW_S = 60.0  # how long the module may hold the line by flow control
_MARGIN_S = 10.0


class FtpLink:
    """A file between server and port; as a context manager it leaves at the end of the block. ``what`` says
    which; ``unread`` holds, after ``leave``, the bytes that nobody took."""

    __slots__ = ("_channel", "_data", "_heard", "_result", "_tail", "unread", "what")

    def __init__(self, what: str, channel: Channel, data: DataMode, heard: Expectation) -> None:
        self.what = what
        self.unread = b""
        self._channel = channel
        self._data = data
        self._heard = heard
        self._tail = b""
        self._result: bool | None = None

    @property
    def ended_by_module(self) -> bool:
        """True when the last bytes read are the module's own leaving, with its result."""
        return _LAST_WORDS.search(self._tail) is not None

    def read(self, limit: int, timeout_s: float) -> bytes:
        """At most ``limit`` bytes as soon as any are there; b"" when none came in time. Raises PortLost."""
        data = self._data.read(limit, timeout_s)
        self._tail = (self._tail + data)[-_LONGEST_END:]
        return data

    def write(self, data: bytes, timeout_s: float = 10.0) -> None:
        """Send bytes. Raises PortLost, PortStuck."""
        self._data.write(data, timeout_s)

    def receive(self, size: int | None, silence_s: float, progress: Progress | None = None) -> bytes:
        """``size`` bytes, or all until nothing comes for ``silence_s`` seconds or the module leaves."""
        got = bytearray()
        while (size is None or len(got) < size) and not self.ended_by_module:
            left = _READ if size is None else min(_READ, size - len(got))
            # once the module began to leave, little is left to wait for
            wait_s = min(silence_s, LINK_END_S) if _BEGUN.search(self._tail) else silence_s
            piece = self.read(left, wait_s)
            if not piece:
                break
            got += piece
            if progress is not None:
                progress(len(got), size if size is not None else len(got))
        end = _LAST_WORDS.search(bytes(got[-_LONGEST_END:])) if self.ended_by_module else None
        return bytes(got) if end is None else bytes(got[:max(0, len(got) - _LONGEST_END) + end.start()])

    def leave(self) -> bool:
        """Back to commands by +++ (with its guard time, and while CTS lets it through), unless the module has
        left already; True when the operation succeeded. Leaving twice is allowed. Raises AtTimeout,
        UrcTimeout, UnitError when flow control holds the line for a minute."""
        if self._result is None:
            self._drain()
            self._result = self._last_words() if self.ended_by_module else self._escape()
            self._heard.close()
        return self._result

    def __enter__(self) -> FtpLink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._result is None and self._channel.is_up and self._data.active:
            self.leave()
        self._heard.close()

    def _escape(self) -> bool:
        self._await_cts()
        self._data.escape(LINK_END_S + _MARGIN_S)
        while late := self._data.read(_READ, 0.0):  # what came during the guard time
            self.unread += late
        return self._heard.wait(LINK_END_S + _MARGIN_S).fields[1:2] == (1,)

    def _last_words(self) -> bool:
        found = _LAST_WORDS.search(self._tail)
        assert found is not None
        self._data.close()
        # the file's own bytes before them
        self.unread = self.unread[:max(0, len(self.unread) - len(found.group()))]
        return found["good"] == b"1"

    def _drain(self) -> None:
        """Take what has come, for at most as long as an end of the link may take."""
        until = time.monotonic() + LINK_END_S
        wait_s = _SETTLE_S
        while time.monotonic() < until and not self.ended_by_module:
            piece = self.read(_READ, wait_s)
            begun = _BEGUN.search(self._tail) is not None
            if not piece and (not begun or wait_s > _SETTLE_S):
                break
            self.unread += piece
            wait_s = max(_SETTLE_S, until - time.monotonic()) if begun else _SETTLE_S
            if piece and not begun and len(self.unread) > _READ:
                break  # a file that goes on: it is being broken off

    def _await_cts(self) -> None:
        """+++ that waits behind flow control may be taken for data (LENA-R8 guide 9.3.2.2.4)."""
        try:
            ready = self._channel.wait_line("cts", True, _FLOW_S)
        except NotPossible:
            return  # a port without lines
        if not ready:
            raise UnitError(f"{self.what}: the module holds CTS off for {_FLOW_S:g} s")
