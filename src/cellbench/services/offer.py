"""What a host offers by `cellbench services up`: each server's port, its program, its certificate, and what a
rig file says of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.base.errors import OperatorError

if TYPE_CHECKING:
    from cellbench.io.tls.settings import Credentials, ServerSettings

    from .authority import KeyKind

SNI_NAME = "sni.example"
"""Who indicates this name to `https-sni` gets the certificate for it, everybody else that of another host."""
PSK = ("cellbench", "cellbench-psk")
"""Identity and pre-shared key that `https-psk` takes: no secret, as its pages are none."""
LWM2M = ("cellbench-lwm2m", "cellbench-lwm2m-key")
"""The same of `lwm2m`, as the virtual module's client has it."""
FTP_USER = "cellbench"
_FTP_FILES: Mapping[str, int] = MappingProxyType({"dat_000": 1037, "data.zip": 21041, "xlog.zip": 12,
                                                  "file_to_retrieve": 1000})
_LONG_AGO = (-800, -400)


class Signer:
    """Certificates for the servers of one host, each made when it is first wanted.

    ``names``: what modules call the host, first the main one. ``authority`` and its ``certificate`` file are
    the host's own or the user's.
    """

    def __init__(self, directory: Path, names: Sequence[str], ca: Path | None, ca_key: Path | None) -> None:
        from .signing import authority_for_host

        self._directory = directory
        self._names = tuple(dict.fromkeys(names))
        self._authority, self.certificate = authority_for_host(directory, ca, ca_key)

    @cached_property
    def usual(self) -> Credentials:
        """The certificate of most servers."""
        return self.issued()

    def issued(self, kind: KeyKind | None = None, *, name: str = "", days: tuple[int, int] = (-1, 825)
               ) -> Credentials:
        """A certificate for the host, or for ``name``."""
        from .authority import KeyKind

        first, *also = (name,) if name else self._names
        # the modules take RSA in every firmware, EC only in some
        return self._authority.issue(first, also=also, days=days, kind=kind or KeyKind.RSA_2048)

    @property
    def root(self) -> bytes:
        """The authority's certificate, DER."""
        return self._authority.der

    def client(self) -> tuple[Path, Path]:
        """A client certificate and its key for modules, in files that are kept from start to start."""
        from .signing import kept_client

        return kept_client(self._directory, self._authority)


@dataclass(frozen=True, slots=True)
class Offer:
    """One server: its usual port, the kind of program (its own name if none), what narrows its TLS.

    ``secured`` makes its settings; ``datagram`` says that they are for DTLS. ``client``: it demands the
    host's client certificate. ``more`` is the rest of its definition. ``login``: it takes the host's user.
    """

    port: int
    kind: str = ""
    secured: Callable[[Signer], ServerSettings] | None = None
    datagram: bool = False
    client: bool = False
    more: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    login: bool = False


def _usual(signer: Signer) -> ServerSettings:
    return _settings(signer.usual)


def _settings(credentials: Credentials, **more: object) -> ServerSettings:
    from cellbench.io.tls.settings import ServerSettings

    return ServerSettings(credentials, **more)  # type: ignore[arg-type]


def _datagrams(signer: Signer) -> ServerSettings:
    return _settings(signer.usual, datagram=True, cookie_key=secrets.token_bytes(32))


def _from_clients(signer: Signer) -> ServerSettings:
    return _settings(signer.usual, client_certificate=True, client_roots=(signer.root,))


def _from_clients_datagrams(signer: Signer) -> ServerSettings:
    return _settings(signer.usual, datagram=True, cookie_key=secrets.token_bytes(32), client_certificate=True,
                     client_roots=(signer.root,))


def _of_version(*, oldest: str | None = None, newest: str | None = None
                ) -> Callable[[Signer], ServerSettings]:
    def make(signer: Signer) -> ServerSettings:
        from cellbench.io.tls.settings import Version

        return _settings(signer.usual, minimum=Version[oldest] if oldest else None,
                         maximum=Version[newest] if newest else None)

    return make


def _of_key(kind: str) -> Callable[[Signer], ServerSettings]:
    def make(signer: Signer) -> ServerSettings:
        from .authority import KeyKind

        return _settings(signer.issued(KeyKind[kind]))

    return make


def _aes128(signer: Signer) -> ServerSettings:
    from cellbench.io.tls.settings import Version

    return _settings(signer.usual, suites=(0x002F,), maximum=Version.TLS_1_2, tickets=False)


def _expired(signer: Signer) -> ServerSettings:
    return _settings(signer.issued(days=_LONG_AGO))


def _several_names(signer: Signer) -> ServerSettings:
    return _settings(signer.issued(name="other.example"), by_name={SNI_NAME: signer.issued(name=SNI_NAME)})


def _pre_shared(signer: Signer) -> ServerSettings:
    from cellbench.io.tls.settings import Version

    identity, key = PSK
    return _settings(signer.usual, maximum=Version.TLS_1_2, psks={identity.encode(): key.encode()})


def _registrations(signer: Signer) -> ServerSettings:
    identity, key = LWM2M
    return _settings(signer.usual, datagram=True, cookie_key=secrets.token_bytes(32),
                     suites=(0xC0A8, 0x00AE, 0x00A8), psks={identity.encode(): key.encode()})


def _ftp(first: int, last: int) -> Mapping[str, object]:
    return MappingProxyType({"files": dict(_FTP_FILES), "passive_ports": [first, last]})


OFFERS: Mapping[str, Offer] = MappingProxyType({
    "echo": Offer(7007),
    "echo-tls": Offer(7443, secured=_usual),
    "http": Offer(7080),
    "https": Offer(7444, secured=_usual),
    "https-slow": Offer(7445, "https", _usual),
    "https-rsa1024": Offer(7446, "https", _of_key("RSA_1024")),
    "https-aes128": Offer(7447, "https", _aes128),
    "https-client": Offer(7448, "https", _from_clients, client=True),
    "https-tls13": Offer(7449, "https", _of_version(oldest="TLS_1_3")),
    "https-tls11": Offer(7450, "https", _of_version(newest="TLS_1_1")),
    "https-expired": Offer(7451, "https", _expired),
    "https-sni": Offer(7452, "https", _several_names),
    "https-ec": Offer(7453, "https", _of_key("EC_P256")),
    "https-psk": Offer(7454, "https", _pre_shared),
    "ftp": Offer(7021, more=_ftp(7300, 7339), login=True),
    "ftps": Offer(7990, secured=_usual, more=_ftp(7340, 7379), login=True),
    "mqtt": Offer(7883),
    "mqtts": Offer(7884, secured=_usual),
    "mqttsn": Offer(7885),
    "mqttsn-dtls": Offer(7886, secured=_datagrams, datagram=True),
    "mqtt-flex": Offer(7887, secured=_from_clients_datagrams, datagram=True, client=True),
    "coap": Offer(7683),
    "coap-tcp": Offer(7685),
    "coap-dtls": Offer(7684, secured=_datagrams, datagram=True),
    "coap-tls": Offer(7686, secured=_usual),
    "lwm2m": Offer(7687, secured=_registrations, datagram=True),
})
"""Servers by role. Ports are fixed so that a firewall can be told; none needs root."""


@dataclass(frozen=True, slots=True)
class Offered:
    """Definitions for the park, the authority's file (None: nothing has TLS), and what a rig file says of a
    server beside its place: key → value as it stands there."""

    definitions: Mapping[str, object]
    ca: Path | None
    words: Mapping[str, Mapping[str, str]]


def offered(directory: Path, wanted: Sequence[str], names: Sequence[str], ca: Path | None,
            ca_key: Path | None) -> Offered:
    """The servers ``wanted``, on a host called ``names``; OperatorError for files that cannot be used."""
    signer = Signer(directory, names, ca, ca_key) if any(OFFERS[name].secured for name in wanted) else None
    definitions: dict[str, object] = {}
    words: dict[str, dict[str, str]] = {}
    for name in wanted:
        offer = OFFERS[name]
        definition: dict[str, object] = {"server": offer.kind or name, **offer.more}
        said = words.setdefault(name, {})
        if signer is not None and offer.secured is not None:
            definition["tls"] = offer.secured(signer)
            said["ca"] = str(signer.certificate.absolute())
            if offer.client:
                certificate, key = signer.client()
                said |= {"client_certificate": str(certificate), "client_key": str(key)}
        if offer.login:
            file = directory / "ftp-password"
            definition["users"] = {FTP_USER: _kept_word(file)}
            said |= {"user": FTP_USER, "password": f"{{file: {file.absolute()}}}"}
        definitions[name] = definition
    return Offered(definitions, signer.certificate if signer is not None else None, words)


def _kept_word(path: Path) -> str:
    """The password in a file, made when there is none; for its owner alone."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(8) + "\n")
    word = path.read_text(encoding="utf-8").strip()
    if not word:
        raise OperatorError(f"{path} is empty", remedy="remove it: one is made")
    return word
