"""From a rig file's port address to a pipe."""

from __future__ import annotations

from cellbench.base.errors import OperatorError
from cellbench.io.pipe import LinePort
from cellbench.io.rfc2217 import Rfc2217Port
from cellbench.io.serial_port import SerialPort
from cellbench.io.tcp import TcpPort


def open_pipe(url: str, *, rate: int = 115200, flow_control: bool = False) -> LinePort:
    """The pipe for a path (``/dev/ttyUSB0``), ``rfc2217://host:port`` or ``socket://host:port``.

    It is made, not yet opened: call ``open()``. ``rate`` in bit/s; with ``flow_control`` the driver handles
    RTS and CTS. Raises OperatorError for an address of no known form.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        if not url.startswith("/"):
            raise OperatorError(f"port {url!r}: give an absolute path, rfc2217://host:port or socket://host:port")
        return SerialPort(url, rate=rate, flow_control=flow_control)
    if scheme not in ("rfc2217", "socket"):
        raise OperatorError(f"port {url!r}: unknown scheme {scheme!r}", remedy="use rfc2217:// or socket://")
    host, colon, port = rest.rstrip("/").rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise OperatorError(f"port {url!r}: not of the form {scheme}://host:port")
    host = host.strip("[]")
    if scheme == "socket":
        return TcpPort(host, int(port))
    return Rfc2217Port(host, int(port), rate=rate, flow_control=flow_control)
