"""What the FTP server does otherwise than pyftpdlib: states, faults, listings, facts of TLS.

Everything here runs in the server's own thread. A client's argument that begins with ``broken-`` makes the
server misbehave: ``broken-dies`` resets all connections, ``broken-stalls`` never answers again,
``broken-rubbish`` answers with bytes that are no FTP; with RETR and STOR in the middle of the data, with
every other command (USER, PASS, MKD ...) at once.
"""

from __future__ import annotations

import enum
import socket
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler, TLS_FTPHandler
from pyftpdlib.handlers.ftp.dispatchers import PassiveDTP
from pyftpdlib.handlers.ftps.ssl import SSLConnectionMixin

from cellbench.io.tls import binding
from cellbench.io.tls.contexts import Prepared
from cellbench.io.tls.sessions import Session
from cellbench.io.tls.settings import Version

from .ftp_tree import FAULT_PREFIX, Tree
from .server import State

SLOW_BYTES_S = 100
REUSE_SUFFIX = "+reuse"
_PERMISSIONS = "elradfmw"
_FAULT_AFTER = 20_000
_RUBBISH = bytes(range(256)).replace(b"\n", b"") * 2 + b"\r\n"
_LINGER_NOT = struct.pack("ii", 1, 0)  # close sends a reset (SO_LINGER with no time, socket(7))
_BYTES_SENT_AT = 200  # tcpi_bytes_sent in struct tcp_info (linux/tcp.h, since 4.19)
_TRANSFERS = frozenset({"RETR", "STOR", "APPE"})


class Fault(enum.Enum):
    """How the server misbehaves."""

    DIES = "dies"
    STALLS = "stalls"
    RUBBISH = "rubbish"


@dataclass(slots=True)
class Hub:
    """What all connections of a server share with whoever steers it."""

    tree: Tree
    authorizer: DummyAuthorizer
    prepared: Prepared | None
    slow_bytes_s: int = SLOW_BYTES_S
    state: State = State.UP
    connections: int = 0
    log: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    passive: set[int] = field(default_factory=set)
    """Ports that wait for a data connection now."""


def authorizer_for(users: dict[str, str], tree: Tree) -> DummyAuthorizer:
    """Every user twice: as named, and with ``+reuse``, whose data connections must resume the control
    connection's TLS session."""
    found = DummyAuthorizer()
    for name, password in users.items():
        for known in (name, name + REUSE_SUFFIX):
            with warnings.catch_warnings(action="ignore"):  # about an anonymous user who may write
                found.add_user(known, password, str(tree.root), perm=_PERMISSIONS)
    return found


def _fault_of(argument: str) -> Fault | None:
    name = PurePosixPath(argument).name
    if not name.startswith(FAULT_PREFIX):
        return None
    try:
        return Fault(name.removeprefix(FAULT_PREFIX))
    except ValueError:
        return None


def _bytes_sent(sock: Any) -> int:
    """Bytes that a TCP socket has sent since it was made, 0 where the kernel does not count them."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(struct.unpack_from("Q", info, _BYTES_SENT_AT)[0]) if len(info) >= _BYTES_SENT_AT + 8 else 0


def _version_name(connection: SSL.Connection) -> str:
    """The name that the other servers report."""
    try:
        return Version(connection.get_protocol_version()).name
    except ValueError:
        return "?"


def _reset(sock: Any) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)


class _Files(AbstractedFS):  # type: ignore[misc]
    """The tree as pyftpdlib wants it."""

    def listdir(self, path: str) -> list[str]:
        return self.cmd_channel.hub.tree.shown(path, super().listdir(path))  # type: ignore[no-any-return]

    def format_list(self, basedir: str, listing: list[str], ignore_err: bool = True) -> Iterator[bytes]:
        return self.cmd_channel.hub.tree.listing(basedir, listing)  # type: ignore[no-any-return]


class _Passive(PassiveDTP):  # type: ignore[misc]
    """A waiting data port, known to the hub as long as it waits."""

    def __init__(self, cmd_channel: Any, extmode: bool = False) -> None:
        self._port = 0
        super().__init__(cmd_channel, extmode)

    def listen(self, num: int) -> None:
        super().listen(num)
        self._port = int(self.socket.getsockname()[1])
        self.cmd_channel.hub.passive.add(self._port)  # before the reply that names it

    def close(self) -> None:
        self.cmd_channel.hub.passive.discard(self._port)
        super().close()


class _Data(ThrottledDTPHandler):  # type: ignore[misc]
    """A data connection; slow when the server is, broken when the command asked for it."""

    # pyftpdlib sets it after a step that may close the connection already, which needs it
    _throttler: Any = None

    def __init__(self, sock: Any, cmd_channel: Any) -> None:
        limit = cmd_channel.hub.slow_bytes_s if cmd_channel.hub.state is State.SLOW else 0
        self.read_limit = self.write_limit = limit
        super().__init__(sock, cmd_channel)

    def send(self, data: bytes) -> int:
        fault = self.cmd_channel.fault
        if fault is None:
            return int(super().send(data))
        sent = int(super().send(data[:_FAULT_AFTER]))
        self._misbehave(fault)
        return sent

    def recv(self, buffer_size: int) -> bytes:
        data: bytes = super().recv(buffer_size)
        fault = self.cmd_channel.fault
        if fault is None or (data and self.tot_bytes_received + len(data) < _FAULT_AFTER):
            return data
        self._misbehave(fault)
        return b""

    def _misbehave(self, fault: Fault) -> None:
        if self._closed:
            return
        if fault is Fault.STALLS:
            self.del_channel()
        elif fault is Fault.DIES:
            _reset(self.socket)
        control = self.cmd_channel
        control.misbehave(fault)
        if fault is not Fault.STALLS:
            self.close()


class _SecureData(SSLConnectionMixin, _Data):  # type: ignore[misc]
    """A data connection of a server with TLS, in the clear or not as PROT says."""

    def __init__(self, sock: Any, cmd_channel: Any) -> None:
        super().__init__(sock, cmd_channel)
        if cmd_channel._prot and not self._closed:
            self.secure_connection(cmd_channel.ssl_context)

    def handle_ssl_established(self) -> None:
        control = self.cmd_channel
        resumed = binding.resumed(self.socket) and _same_session(self.socket, control.socket)
        control.hub.facts.update({"data_tls_resumed": "yes" if resumed else "no",
                                  "data_handshake_bytes": str(_bytes_sent(self.socket))})
        if control.username.endswith(REUSE_SUFFIX) and not resumed:
            control.respond("522 SSL connection failed: session reuse required.")
            self.close()

    def handle_failed_ssl_handshake(self) -> None:
        self.cmd_channel.respond("522 SSL handshake failed.")
        self.close()


def _same_session(data: SSL.Connection, control: SSL.Connection) -> bool:
    """True when the data connection goes on with the control connection's session: its master secret is the
    same (RFC 5246 8.1). TLS 1.3 makes a new one each time; there the library's word must do."""
    if control.get_protocol_version() >= SSL.TLS1_3_VERSION:
        return True
    known, used = binding.export_session(control), binding.export_session(data)
    return known is not None and used is not None and \
        Session(known).master_secret == Session(used).master_secret


class _Control:
    """What a control connection does otherwise; goes before pyftpdlib's class."""

    hub: Hub
    socket: Any
    fault: Fault | None = None
    silent = False

    abstracted_fs = _Files
    passive_dtp = _Passive
    banner = "ProFTPD Server (virtual) ready."
    auth_failed_timeout = 0
    use_gmt_times = True

    def on_connect(self) -> None:
        hub = self.hub
        hub.connections += 1
        self._lines: list[str] = []
        hub.log = self._lines
        hub.facts = {}

    def push(self, data: str) -> None:
        """To the client; nothing while the server is mute."""
        if self.hub.state is not State.MUTE and not self.silent:
            super().push(data)  # type: ignore[misc]

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        """One command came."""
        self._lines.append("PASS ****" if cmd == "PASS" else line)
        if self.silent or self.hub.state is State.MUTE:
            return
        self.fault = _fault_of(arg)
        if self.fault is not None and cmd not in _TRANSFERS:
            self.misbehave(self.fault)
            return
        super().pre_process_command(line, cmd, arg)  # type: ignore[misc]

    def misbehave(self, fault: Fault) -> None:
        """Break the control connection's talk."""
        if fault is Fault.RUBBISH:
            super().push(_RUBBISH.decode("latin-1"))  # type: ignore[misc]
        elif fault is Fault.DIES:
            _reset(self.socket)
            self.close()  # type: ignore[attr-defined]
        self.silent = True

    def _make_eport(self, ip: str, port: int) -> None:
        """Active mode: back to who asked, whatever address it names (RFC 2577 3; the network translates
        addresses, and its translator would do the same)."""
        super()._make_eport(self.remote_ip, port)  # type: ignore[misc]

    def ftp_EPRT(self, line: str) -> None:
        """As PORT for both families: servers of this machine are at IPv4 whatever the client believes."""
        try:
            port = int(line.split(line[0])[3])
        except (IndexError, ValueError):
            self.respond("501 Invalid EPRT format.")  # type: ignore[attr-defined]
        else:
            self._make_eport("", port)

    remote_ip: str


class PlainControl(_Control, FTPHandler):  # type: ignore[misc]
    """A control connection without TLS."""

    dtp_handler = _Data


class SecureControl(_Control, TLS_FTPHandler):  # type: ignore[misc]
    """A control connection that may go over to TLS (RFC 4217)."""

    dtp_handler = _SecureData

    def ftp_AUTH(self, line: str) -> None:
        """Go over to TLS, unless the server is told to refuse."""
        if self.hub.state is State.NO_TLS:
            self.respond("534 Request denied for policy reasons.")
            return
        self._sent_before = _bytes_sent(self.socket) + len("234 AUTH TLS successful.\r\n")
        super().ftp_AUTH(line)

    def handle_ssl_established(self) -> None:
        """The control connection's handshake is done."""
        connection: SSL.Connection = self.socket
        name = connection.get_servername()
        self.hub.facts.update({
            "tls_version": _version_name(connection),
            "tls_suite": connection.get_cipher_name() or "",
            "tls_resumed": "yes" if binding.resumed(connection) else "no",
            "tls_sni": name.decode("ascii", "replace") if name else "",
            "handshake_bytes": str(max(0, _bytes_sent(connection) - self._sent_before)),
        })

    def handle_failed_ssl_handshake(self) -> None:
        """The client is gone: nothing can be said to it any more."""
        self.hub.facts["tls_refused"] = "the handshake failed"
        self.close()


def control_class(server_hub: Hub, ports: list[int] | None) -> Callable[..., Any]:
    """The class of a server's control connections, as pyftpdlib wants its settings: in the class."""
    values: dict[str, object] = {"hub": server_hub, "authorizer": server_hub.authorizer,
                                 "passive_ports": ports}
    if server_hub.prepared is None:
        return type("Control", (PlainControl,), values)
    return type("Control", (SecureControl,), {**values, "ssl_context": server_hub.prepared.context})
