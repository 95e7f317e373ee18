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
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from cellbench.base.errors import NotPossible, RigError

_log = logging.getLogger(__name__)
_TCP = re.compile(r"^TCPIP[0-9]*::(?P<host>[^:]+|\[.+\])::(?P<port>[0-9]+)::SOCKET$", re.IGNORECASE)
_REMEDY = "check that it is switched on, its cable and its address in the rig file"
_QUIET_S = 0.05  # a serial line has nothing left to say when it was silent for so long
_FLUSH_S = 1.0  # the longest that a talking serial line is listened to before it is greeted
_MAX_BLOCK = 64_000_000  # bytes; IEEE 488.2 allows 999,999,999, no log here comes near

Flow = Literal["none", "rts-cts", "xon-xoff"]


@dataclass(frozen=True, slots=True)
class Link:
    """How an instrument is reached: rates in bit/s and flow control count for serial lines alone.

    ``gap_s``: the shortest time between two lines, for instruments whose manuals ask for it.
    """

    timeout_s: float = 2.0
    terminator: str = "\n"
    rate_bit_s: int = 9600
    flow: Flow = "none"
    gap_s: float = 0.0


class VisaSession:
    """A line-based session over PyVISA; not for several threads at once."""

    __slots__ = ("_greet", "_greeted", "_handle", "_last", "_link", "name", "resource")

    def __init__(self, name: str, resource: str, link: Link, *, greet: Callable[[VisaSession], None]) -> None:
        """``greet`` is called after each opening, before any other command; it may raise RigError."""
        self.name = name
        self.resource = resource
        self._link = link
        self._greet = greet
        self._handle: Any = None
        self._greeted = False
        self._last = 0.0

    def write(self, command: str) -> None:
        """Send one line."""
        self._guarded(command, lambda handle: self._send(handle, command))

    def query(self, command: str) -> str:
        """Send one line and take the answer, stripped."""
        return str(self._guarded(command, lambda handle: self._exchange(handle, command))).strip()

    def query_block(self, command: str) -> bytes:
        """Send one line and take a definite length block (IEEE 488.2, 8.7.9), without its header."""
        answer = self._guarded(command, lambda handle: self._block(handle, command))
        assert isinstance(answer, bytes)
        return answer

    def open(self) -> None:
        """Make sure that the session is open, greeted and in step; every operation begins with this."""
        if self._handle is not None:
            if not _spoke(self._handle, 0):
                return
            _log.warning("instrument %s closed the connection or spoke unasked: opening it anew", self.name)
            self.close()
        import pyvisa  # 0.2 s to import, so only where an instrument is truly opened

        wait_ms = round(self._link.timeout_s * 1000)
        try:
            handle = pyvisa.ResourceManager("@py").open_resource(
                self.resource, open_timeout=wait_ms, read_termination=self._link.terminator,
                write_termination=self._link.terminator, **self._serial())
            handle.timeout = wait_ms
            _flush(handle)
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

    def _serial(self) -> dict[str, Any]:
        """Arguments that only a serial line takes."""
        if not self.resource.upper().startswith("ASRL"):
            return {}
        from pyvisa.constants import ControlFlow

        flow = {"none": ControlFlow.none, "rts-cts": ControlFlow.rts_cts, "xon-xoff": ControlFlow.xon_xoff}
        return {"baud_rate": self._link.rate_bit_s, "flow_control": flow[self._link.flow]}

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

    def _send(self, handle: Any, command: str) -> None:
        left = self._last + self._link.gap_s - time.monotonic()
        if left > 0:
            time.sleep(left)  # the manual asks for it: the instrument drops what comes sooner
        handle.write(command)
        self._last = time.monotonic()

    def _exchange(self, handle: Any, command: str) -> str:
        self._send(handle, command)
        self._await(handle)
        answer = str(handle.read())
        self._nothing_more(handle, answer.strip())
        return answer

    def _block(self, handle: Any, command: str) -> bytes:
        self._send(handle, command)
        self._await(handle)
        if not (_socket(handle) or _serial_port(handle)):
            return _unpacked(bytes(handle.read_raw()))  # a message of its own on USB and GPIB
        head = _exactly(handle, 2)
        if head[:1] != b"#" or not head[1:].isdigit() or head[1:] == b"0":
            raise ConnectionError(f"it answered {head!r}..., not a block of data")
        size = int(_exactly(handle, int(head[1:])))
        if size > _MAX_BLOCK:
            raise ConnectionError(f"it announced a block of {size} bytes")
        data = _exactly(handle, size)
        handle.read()  # the end of the line
        self._nothing_more(handle, f"a block of {size} bytes")
        return data

    def _await(self, handle: Any) -> None:
        if _spoke(handle, self._link.timeout_s) and _closed(handle):
            # pyvisa-py would read a closed socket over and over until its time is up
            raise ConnectionError("it closed the connection")

    def _nothing_more(self, handle: Any, answer: str) -> None:
        extra = bytes(getattr(_session(handle), "_pending_buffer", b"")).strip()
        if extra:
            raise ConnectionError(f"it answered {answer!r} and then {extra[:40]!r} unasked")

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


def _serial_port(handle: Any) -> Any:
    """The pyserial port below an ASRL session; other sessions have none."""
    interface = getattr(_session(handle), "interface", None)
    return interface if hasattr(type(interface), "in_waiting") else None  # a dead port fails when it is asked


def _spoke(handle: Any, wait_s: float) -> bool:
    """True when bytes, or the end of a connection, come within ``wait_s``."""
    below = _socket(handle)
    if below is not None:
        return bool(select.select([below], [], [], wait_s)[0])
    port = _serial_port(handle)
    if port is None or wait_s > 0:
        return False
    try:
        return bool(port.in_waiting > 0)
    except OSError:
        return True  # the port is gone: opening it anew says so


def _flush(handle: Any) -> None:
    """Drop what a serial line still has to say to somebody before us."""
    port = _serial_port(handle)
    until = time.monotonic() + _FLUSH_S
    while port is not None and time.monotonic() < until:
        port.reset_input_buffer()
        if not select.select([port], [], [], _QUIET_S)[0]:
            return


def _exactly(handle: Any, size: int) -> bytes:
    """So many bytes, line ends among them."""
    return bytes(handle.read_bytes(size, break_on_termchar=False)) if size else b""


def _unpacked(message: bytes) -> bytes:
    """A definite length block without its header and the line end behind it."""
    digits = int(message[1:2]) if message[:1] == b"#" and message[1:2].isdigit() else 0
    if not digits or not message[2:2 + digits].isdigit():
        raise ConnectionError(f"it answered {message[:20]!r}..., not a block of data")
    size, begin = int(message[2:2 + digits]), 2 + digits
    if len(message) < begin + size:
        raise ConnectionError(f"it announced a block of {size} bytes and sent {len(message) - begin}")
    return message[begin:begin + size]


def _closed(handle: Any) -> bool:
    below = _socket(handle)
    return below is not None and below.recv(1, socket.MSG_PEEK) == b""


def _cause(error: Exception) -> str:
    text = str(error).strip()
    if "VI_ERROR_TMO" in text:
        return "no answer in time"
    return text.splitlines()[0] if text else type(error).__name__
