"""What a TLS or DTLS peer offers, demands and checks."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cellbench.io.tls.sessions import Session


class Version(enum.Enum):
    """Protocol versions, by their number on the wire."""

    TLS_1_0 = 0x0301  # RFC 2246
    TLS_1_1 = 0x0302  # RFC 4346
    TLS_1_2 = 0x0303  # RFC 5246
    TLS_1_3 = 0x0304  # RFC 8446
    DTLS_1_0 = 0xFEFF  # RFC 4347
    DTLS_1_2 = 0xFEFD  # RFC 6347


class Check(enum.IntEnum):
    """How a client checks its server."""

    NONE = 0
    CHAIN = 1  # issued by a trusted root
    HOST = 2  # and for the expected host name
    DATES = 3  # and valid now


class PinLevel(enum.IntEnum):
    """What of the pinned certificate must be equal."""

    KEY_INFORMATION = 0  # SubjectPublicKeyInfo
    KEY = 1  # the bits of the public key
    CERTIFICATE = 2  # the whole certificate


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate, its private key (unencrypted) and the certificates up to the root; all DER."""

    certificate: bytes
    key: bytes = field(repr=False)
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Psk:
    """A pre-shared key and the identity it goes by (RFC 4279)."""

    identity: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pin:
    """A server certificate (DER) that must be met, and how exactly."""

    certificate: bytes
    level: PinLevel


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """A client.

    ``suites`` are IANA numbers, empty for all that there are. ``least_rsa_bits`` and ``least_ec_bits``
    refuse a server whose certificate, or that of an issuer, has a shorter key. ``now`` is the clock that
    validity dates are held against; None for the machine's. ``session`` is resumed if the server agrees;
    without ``tickets`` the server is not asked for one, so that it gives a session id. ``flagged_roots``
    refuses a server whose own certificate is one of the roots, unless it is flagged as an authority's.
    """

    datagram: bool = False
    minimum: Version | None = None
    maximum: Version | None = None
    suites: tuple[int, ...] = ()
    check: Check = Check.NONE
    roots: tuple[bytes, ...] = ()
    host: str = ""
    sni: str = ""
    credentials: Credentials | None = None
    psk: Psk | None = None
    pin: Pin | None = None
    session: Session | None = None
    tickets: bool = True
    least_rsa_bits: int = 0
    least_ec_bits: int = 0
    flagged_roots: bool = False
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A server.

    ``by_name`` are other credentials by the name that the client indicates (SNI). ``client_roots`` with
    ``client_certificate`` True demand a client certificate from one of these issuers. ``suites`` are IANA
    numbers, empty for all. ``tickets`` False leaves only session ids to resume by. ``cookie_key``: datagram
    clients first show that they get what is sent to their address (RFC 6347 4.2.1), by a cookie made with it.
    """

    credentials: Credentials | None = None
    by_name: Mapping[str, Credentials] = field(default_factory=lambda: MappingProxyType({}))
    datagram: bool = False
    minimum: Version | None = None
    maximum: Version | None = None
    suites: tuple[int, ...] = ()
    client_certificate: bool = False
    client_roots: tuple[bytes, ...] = ()
    psks: Mapping[bytes, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    tickets: bool = True
    resumption: bool = True
    cookie_key: bytes = field(default=b"", repr=False)
