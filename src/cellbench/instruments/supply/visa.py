"""One VISA session of one instrument: text lines out and in, every failure a RigError that names it.

A session that failed once is dropped, for the answer of a query that came too late would be taken as
the answer to the next one; so is one that the instrument closed, or that said something unasked. Each
operation begins with `open`, which opens a dropped session anew; a command by itself never does, for a
new session has forgotten which channel was selected.
"""

from __future__ import annotations

import logging
import re
import select
import socket
import warnings
from collections.abc import Callable
from typing import Any

from cellbench.base.errors import NotPossible, RigError

_log = logging.getLogger(__name__)
_TCP = re.compile(r"^TCPIP[0-9]*::(?P<host>[^:]+|\[.+\])::(?P<port>[0-9]+)::SOCKET$", re.IGNORECASE)
_REMEDY = "check that it is switched on, its cable and its address in the rig file"


class VisaSession:
    """A line-based session over PyVISA; not for several threads at once."""

    __slots__ = ("_greet", "_greeted", "_handle", "_terminator", "_timeout_s", "name", "resource")

    def __init__(self, name: str, resource: str, *, timeout_s: float, terminator: str,
                 greet: Callable[[VisaSession], None]) -> None:
        """``greet`` is called after each opening, before any other command; it may raise RigError."""
        self.name = name
        self.resource = resource
        self._timeout_s = timeout_s
        self._terminator = terminator
        self._greet = greet
        self._handle: Any = None
        self._greeted = False

    def write(self, command: str) -> None:
        """Send one line."""
        self._guarded(command, lambda handle: handle.write(command))

    def query(self, command: str) -> str:
        """Send one line and take the answer, stripped."""
        return str(self._guarded(command, lambda handle: self._exchange(handle, command))).strip()

    def open(self) -> None:
        """Make sure that the session is open, greeted and in step; every operation begins with this."""
        if self._handle is not None:
            if not _spoke(self._handle, 0):
                return
            _log.warning("instrument %s closed the connection or spoke unasked: opening it anew", self.name)
            self.close()
        import pyvisa  # 0.2 s to import, so only where a supply is truly opened

        try:
            handle = pyvisa.ResourceManager("@py").open_resource(
                self.resource, open_timeout=round(self._timeout_s * 1000),
                read_termination=self._terminator, write_termination=self._terminator)
            handle.timeout = round(self._timeout_s * 1000)
        except Exception as error:  # PyVISA's backends raise bare Exception and ValueError too
            raise RigError(f"{self._where} cannot be reached: {_cause(error)}{self._others()}",
                           remedy=_REMEDY) from error
        below = _socket(handle)
        if below is not None:  # Nagle would hold a query after a command for 40 ms
            below.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._handle, self._greeted = handle, False
        try:
            self._greet(self)
            self._greeted = True
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
        if self._handle is None:
            raise RigError(f"{self._where} lost its connection before {command!r}", remedy=_REMEDY)
        try:
            return act(self._handle)
        except Exception as error:  # VisaIOError, OSError, UnicodeDecodeError: all mean a broken dialogue
            self.close()
            # a TCP connection that is refused shows only at the first command
            what = f"failed at {command!r}" if self._greeted else "cannot be reached"
            raise RigError(f"{self._where} {what}: {_cause(error)}", remedy=_REMEDY) from error

    def _exchange(self, handle: Any, command: str) -> str:
        handle.write(command)
        if _spoke(handle, self._timeout_s) and _closed(handle):
            # pyvisa-py would read a closed socket over and over until its time is up
            raise ConnectionError("it closed the connection")
        answer = str(handle.read())
        extra = bytes(getattr(_session(handle), "_pending_buffer", b"")).strip()
        if extra:
            raise ConnectionError(f"it answered {answer.strip()!r} and then {extra[:40]!r} unasked")
        return answer

    def _others(self) -> str:
        """What VISA can see of the same interface, for the person who looks for the right address."""
        if _TCP.match(self.resource):
            return ""  # a network cannot be listed
        interface = self.resource.partition("::")[0].rstrip("0123456789")
        interface = "ASRL" if self.resource.upper().startswith("ASRL") else interface
        try:
            seen = _listed(interface)
        except Exception:  # a missing USB library must not hide the error that brought us here
            seen = ()
        return f"; VISA sees {', '.join(seen)}" if seen else f"; VISA sees no {interface} instrument"


def _listed(interface: str) -> tuple[str, ...]:
    """Resources of one interface."""
    if interface == "ASRL":  # VISA's own list would search the network as well
        from serial.tools.list_ports import comports

        return tuple(f"ASRL{port.device}::INSTR" for port in comports())
    import pyvisa

    with warnings.catch_warnings(action="ignore"):  # of libraries for other interfaces
        return tuple(pyvisa.ResourceManager("@py").list_resources(f"{interface}?*"))


def _session(handle: Any) -> Any:
    """pyvisa-py's own session below a resource."""
    return getattr(handle.visalib, "sessions", {}).get(handle.session)


def _socket(handle: Any) -> socket.socket | None:
    """The socket below a TCPIP::SOCKET session; other sessions have none."""
    interface = getattr(_session(handle), "interface", None)
    return interface if isinstance(interface, socket.socket) else None


def _spoke(handle: Any, wait_s: float) -> bool:
    """True when bytes, or the end of the connection, come within ``wait_s``."""
    below = _socket(handle)
    return below is not None and bool(select.select([below], [], [], wait_s)[0])


def _closed(handle: Any) -> bool:
    below = _socket(handle)
    return below is not None and below.recv(1, socket.MSG_PEEK) == b""


def _cause(error: Exception) -> str:
    text = str(error).strip()
    if "VI_ERROR_TMO" in text:
        return "no answer in time"
    return text.splitlines()[0] if text else type(error).__name__
