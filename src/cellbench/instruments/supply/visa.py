"""One VISA session of one instrument: text lines out and in, every failure a RigError that names it.

A session that failed once is dropped, for the answer of a query that came too late would be taken as
the answer to the next one; the next command opens it anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cellbench.base.errors import NotPossible, RigError

_TCP = re.compile(r"^TCPIP[0-9]*::(?P<host>[^:]+|\[.+\])::(?P<port>[0-9]+)::SOCKET$", re.IGNORECASE)
_REMEDY = "check that it is switched on, its cable and its address in the rig file"


class VisaSession:
    """A line-based session over PyVISA; not for several threads at once."""

    __slots__ = ("_greet", "_handle", "_terminator", "_timeout_s", "name", "resource")

    def __init__(self, name: str, resource: str, *, timeout_s: float, terminator: str,
                 greet: Callable[[VisaSession], None]) -> None:
        """``greet`` is called after each opening, before any other command; it may raise RigError."""
        self.name = name
        self.resource = resource
        self._timeout_s = timeout_s
        self._terminator = terminator
        self._greet = greet
        self._handle: Any = None

    def write(self, command: str) -> None:
        """Send one line."""
        self._guarded(command, lambda handle: handle.write(command))

    def query(self, command: str) -> str:
        """Send one line and take the answer, stripped."""
        return str(self._guarded(command, lambda handle: handle.query(command))).strip()

    def open(self) -> None:
        """Open and greet when not open; the first command does the same."""
        if self._handle is not None:
            return
        import pyvisa  # 0.2 s to import, so only where a supply is truly opened

        try:
            handle = pyvisa.ResourceManager("@py").open_resource(
                self.resource, open_timeout=round(self._timeout_s * 1000),
                read_termination=self._terminator, write_termination=self._terminator)
            handle.timeout = round(self._timeout_s * 1000)
        except Exception as error:  # PyVISA's backends raise bare Exception and ValueError too
            raise RigError(f"{self._where} cannot be opened: {_cause(error)}{self._others()}",
                           remedy=_REMEDY) from error
        self._handle = handle
        try:
            self._greet(self)
        except (RigError, NotPossible):
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back; harmless when it is closed or dead."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        try:
            handle.close()
        except Exception:  # the far end is gone: nothing is left to give back
            return

    @property
    def _where(self) -> str:
        return f"instrument {self.name} ({self.resource})"

    def _guarded(self, command: str, act: Callable[[Any], object]) -> object:
        self.open()
        try:
            return act(self._handle)
        except Exception as error:  # VisaIOError, OSError, UnicodeDecodeError: all mean a broken dialogue
            self.close()
            raise RigError(f"{self._where} failed at {command!r}: {_cause(error)}", remedy=_REMEDY) from error

    def _others(self) -> str:
        """What VISA can see of the same interface, for the person who looks for the right address."""
        if _TCP.match(self.resource):
            return ""  # a network cannot be listed
        import pyvisa

        interface = self.resource.partition("::")[0].rstrip("0123456789")
        interface = "ASRL" if self.resource.upper().startswith("ASRL") else interface
        try:
            seen = pyvisa.ResourceManager("@py").list_resources(f"{interface}?*")
        except Exception:  # a missing USB library must not hide the error that brought us here
            seen = ()
        return f"; VISA sees {', '.join(seen)}" if seen else f"; VISA sees no {interface} instrument"


def _cause(error: Exception) -> str:
    text = str(error).strip()
    if "VI_ERROR_TMO" in text:
        return "no answer in time"
    return text.splitlines()[0] if text else type(error).__name__
