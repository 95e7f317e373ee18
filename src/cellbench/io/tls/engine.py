"""One TLS or DTLS connection without I/O: bytes of the wire in, events and bytes of the wire out.

A datagram connection is fed one datagram a call, and ``outgoing`` gives one datagram an entry. Times are
the caller's: ``timeout_s`` says when ``expired`` wants to be called (RFC 6347 4.2.4.1).
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable
from dataclasses import dataclass

from OpenSSL import SSL

from cellbench.io.tls import binding
from cellbench.io.tls.contexts import Prepared, Refusal, Visitor, client_context, server_context
from cellbench.io.tls.hello import IncompleteHello, find_server_hello
from cellbench.io.tls.sessions import Session, session_from_id
from cellbench.io.tls.settings import ClientSettings, ServerSettings, Version

_RECORD = 16_384  # RFC 5246 6.2.1
_DATAGRAM = 1400
_MOST_TIMEOUTS = 6  # flights sent again before the peer counts as gone: 1 + 2 + 4 + 8 + 16 + 32 s


class State(enum.Enum):
    """Where a connection is."""

    IDLE = "idle"
    HANDSHAKE = "handshake"
    OPEN = "open"
    CLOSED = "closed"
    FAILED = "failed"


class Failure(enum.Enum):
    """Why a connection failed, as the side that sees it can tell."""

    ISSUER = "no trusted root issued the certificate"
    HOST = "the certificate is for another host"
    DATES = "the certificate is not valid now"
    KEY_SIZE = "a key in the chain is too short"
    PIN = "the certificate is not the pinned one"
    SUITE = "no cipher suite in common"
    VERSION = "no protocol version in common"
    CLIENT_CERTIFICATE = "the client's certificate is missing, or not one that the server takes"
    KEYS = "the two sides have different keys"
    ALERT = "the peer refused"
    CUT = "the connection ended in the middle"
    TIMEOUT = "the peer does not answer"
    PROTOCOL = "the peer broke the protocol"


@dataclass(frozen=True, slots=True)
class Opened:
    """The handshake is done."""

    version: Version | None
    suite: str
    resumed: bool
    peer: bytes | None  # its certificate, DER


@dataclass(frozen=True, slots=True)
class Received:
    """Application data."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The peer has said that it will send no more (close_notify)."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The connection is over."""

    why: Failure
    detail: str


Event = Opened | Received | Closed | Failed

_ALERTS = (
    ("unknown ca", Failure.CLIENT_CERTIFICATE),
    ("bad certificate", Failure.CLIENT_CERTIFICATE),
    ("certificate required", Failure.CLIENT_CERTIFICATE),
    ("certificate unknown", Failure.CLIENT_CERTIFICATE),
    ("unsupported certificate", Failure.CLIENT_CERTIFICATE),
    ("certificate verify failed", Failure.CLIENT_CERTIFICATE),
    ("peer did not return a certificate", Failure.CLIENT_CERTIFICATE),
    ("handshake failure", Failure.SUITE),
    ("no shared cipher", Failure.SUITE),
    ("no ciphers available", Failure.SUITE),
    ("wrong cipher returned", Failure.SUITE),
    ("protocol version", Failure.VERSION),
    ("unsupported protocol", Failure.VERSION),
    ("no protocols available", Failure.VERSION),
    ("wrong version number", Failure.PROTOCOL),
    ("bad record mac", Failure.KEYS),
    ("decrypt error", Failure.KEYS),
    ("digest check failed", Failure.KEYS),
    ("alert", Failure.ALERT),
)


class TlsEngine:
    """A client or a server; :func:`client` and :func:`server` make one."""

    __slots__ = (
        "_connection",
        "_datagram",
        "_held",
        "_offered",
        "_prepared",
        "_refusal",
        "_server",
        "_timeouts",
        "_visitor",
        "state",
    )

    def __init__(self, prepared: Prepared, *, server: bool, datagram: bool, offered: Session | None,
                 address: bytes = b"") -> None:
        self.state = State.IDLE
        self._visitor = Visitor(address)
        self._prepared = prepared
        self._refusal: Callable[[], Refusal | None] = prepared.refusal
        self._datagram = datagram
        self._offered = offered
        self._held = b""
        self._timeouts = 0
        self._server = server
        self._connection = SSL.Connection(prepared.context, None)
        self._connection.set_app_data(self._visitor)
        if server:
            self._connection.set_accept_state()
        else:
            self._connection.set_connect_state()
        if datagram:
            self._connection.set_ciphertext_mtu(_DATAGRAM)

    def start(self) -> tuple[Event, ...]:
        """Begin the handshake; a client's hello is in ``outgoing`` afterwards."""
        if self.state is not State.IDLE:
            raise ValueError(f"a connection that is {self.state.value} cannot be started")
        self.state = State.HANDSHAKE
        return self._shake()

    def receive(self, data: bytes) -> tuple[Event, ...]:
        """Bytes of the wire (one datagram where the connection is one of datagrams)."""
        if self.state is State.IDLE:
            self.state = State.HANDSHAKE
        if self.state not in (State.HANDSHAKE, State.OPEN):
            return ()
        if self._offered is not None and self._offered.guessed:
            data, self._held = self._held + data, b""
            try:
                self._settle_guess(data)
            except IncompleteHello:
                self._held = data
                return ()
        self._connection.bio_write(data)
        events: tuple[Event, ...] = ()
        if self.state is State.HANDSHAKE:
            events = self._shake()
        if self.state is State.OPEN:
            events += self._read()
        return events

    def end_of_input(self) -> tuple[Event, ...]:
        """The wire has ended."""
        if self.state not in (State.HANDSHAKE, State.OPEN):
            return ()
        return (self._fail(Failure.CUT, f"the connection ended in state {self.state.value}"),)

    def send(self, data: bytes) -> None:
        """Encrypt application data; ValueError before the handshake is done or after the end."""
        if self.state is not State.OPEN:
            raise ValueError(f"a connection that is {self.state.value} sends nothing")
        step = _DATAGRAM - 100 if self._datagram else _RECORD
        for begin in range(0, len(data), step):
            self._connection.sendall(data[begin : begin + step])

    def close(self) -> None:
        """Say that no more comes (close_notify); without it a server forgets a session id."""
        if self.state is State.OPEN:
            with contextlib.suppress(SSL.Error):  # a peer that has broken off meanwhile hears nothing
                self._connection.shutdown()
        if self.state is not State.FAILED:
            self.state = State.CLOSED

    def outgoing(self) -> tuple[bytes, ...]:
        """What is to be sent now, in order."""
        parts: list[bytes] = []
        while True:
            try:
                parts.append(self._connection.bio_read(65_536))
            except SSL.WantReadError:
                break
            except SSL.Error:
                break
        if self._datagram:
            return tuple(one for part in parts for one in _datagrams(part))
        return (b"".join(parts),) if parts else ()

    def timeout_s(self) -> float | None:
        """Seconds until ``expired`` is wanted, None while no time runs."""
        if not self._datagram or self.state is not State.HANDSHAKE:
            return None
        return self._connection.DTLSv1_get_timeout()

    def expired(self) -> tuple[Event, ...]:
        """The time is over: the last flight is in ``outgoing`` again."""
        if self.state is not State.HANDSHAKE:
            return ()
        try:
            self._timeouts += self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            return (self._fail(Failure.TIMEOUT, _words(error)),)
        if self._timeouts > _MOST_TIMEOUTS:
            return (self._fail(Failure.TIMEOUT, "no answer to the handshake"),)
        return ()

    def session(self) -> Session | None:
        """The session to resume by; with TLS 1.3 it is there after the first data of the server."""
        der = binding.export_session(self._connection)
        return Session(der) if der is not None else None

    @property
    def indicated_name(self) -> str:
        """The name that the client indicated (SNI), "" when it gave none."""
        name = self._connection.get_servername()
        return name.decode("ascii", "replace") if name else ""

    @property
    def proven(self) -> bool:
        """True once a datagram client has shown by a cookie that it is where it says to be."""
        return self._visitor.proven

    # -- inside ----------------------------------------------------------------------------------

    def _settle_guess(self, data: bytes) -> None:
        """Replace a guessed session by what the server's hello tells, before OpenSSL compares them."""
        offered = self._offered
        if offered is None:
            return
        hello = find_server_hello(data, datagram=self._datagram)
        if hello is None:
            return
        self._offered = None
        if hello.session_id == offered.session_id:
            true = session_from_id(offered.session_id, offered.master_secret, datagram=self._datagram,
                                   suite=hello.suite, extended=hello.extended_master_secret, guessed=False)
            binding.import_session(self._connection, true.der)

    def _shake(self) -> tuple[Event, ...]:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return ()
        except SSL.Error as error:
            return (self._failed(error),)
        self.state = State.OPEN
        certificate = self._connection.get_peer_certificate()
        return (
            Opened(
                version=_version(self._connection.get_protocol_version()),
                suite=self._connection.get_cipher_name() or "",
                resumed=binding.resumed(self._connection),
                peer=_der(certificate) if certificate is not None else None,
            ),
        )

    def _read(self) -> tuple[Event, ...]:
        parts: list[bytes] = []
        ending: tuple[Event, ...] = ()
        while True:
            try:
                parts.append(self._connection.recv(65_536))
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                ending = (Closed(),)
                break
            except SSL.Error as error:
                ending = (self._failed(error),)
                break
        if self._datagram:
            return tuple(Received(part) for part in parts) + ending
        return ((Received(b"".join(parts)),) if parts else ()) + ending

    def _failed(self, error: SSL.Error) -> Failed:
        refusal = self._refusal()
        if refusal is not None:
            return self._fail(Failure[refusal.name], refusal.value)
        words = _words(error)
        why = next((why for part, why in _ALERTS if part in words), Failure.PROTOCOL)
        if self._server and "alert" in words and why is Failure.CLIENT_CERTIFICATE:
            why = Failure.ALERT  # it is the server's own certificate that the client does not like
        if not self._server and why is Failure.SUITE and self._connection.get_cipher_name():
            # RFC 5246 7.2.2 has one alert for both, but here the server had chosen a suite already
            why = Failure.CLIENT_CERTIFICATE
        return self._fail(why, words)

    def _fail(self, why: Failure, detail: str) -> Failed:
        self.state = State.FAILED
        return Failed(why, detail)


def client(settings: ClientSettings) -> TlsEngine:
    """A client; ValueError when what is set cannot be offered (no suite that this build has)."""
    prepared = client_context(settings)
    engine = TlsEngine(prepared, server=False, datagram=settings.datagram, offered=settings.session)
    prepared.attach(engine._connection)
    return engine


class TlsServer:
    """Makes one engine for each client of a server."""

    __slots__ = ("_prepared", "_settings")

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._prepared = server_context(settings)

    def accept(self, address: bytes = b"") -> TlsEngine:
        """A connection that a client has just made; ``address`` is what its cookie is bound to."""
        return TlsEngine(self._prepared, server=True, datagram=self._settings.datagram, offered=None,
                         address=address)


def _datagrams(data: bytes) -> list[bytes]:
    """Records of a flight, packed into datagrams that fit the path (RFC 6347 4.1.1)."""
    found: list[bytes] = []
    current = b""
    place = 0
    while place + 13 <= len(data):
        length = 13 + int.from_bytes(data[place + 11 : place + 13], "big")
        record = data[place : place + length]
        place += length
        if current and len(current) + len(record) > _DATAGRAM:
            found.append(current)
            current = b""
        current += record
    if current:
        found.append(current)
    return found


def _version(number: int) -> Version | None:
    try:
        return Version(number)
    except ValueError:
        return None


def _der(certificate: object) -> bytes:
    from OpenSSL import crypto

    return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)  # type: ignore[arg-type]


def _words(error: SSL.Error) -> str:
    """OpenSSL's own words for an error, in lower case."""
    if isinstance(error, SSL.SysCallError):
        return "the connection ended"
    queue = error.args[0] if error.args and isinstance(error.args[0], list | tuple) else ()
    texts = [str(entry[-1]) for entry in queue if isinstance(entry, tuple)]
    return "; ".join(texts).lower() or type(error).__name__
