"""TLS settings of a server from its definition: made by a host's authority, or as a world file gives them."""

from __future__ import annotations

from collections.abc import Mapping

from cellbench.io.tls.settings import Credentials, ServerSettings, Version

from .authority import credentials_from_pem

_KNOWN = frozenset({"certificate", "key", "suites", "oldest", "newest", "tickets", "client_roots", "names",
                    "psks"})


def tls_settings(definition: Mapping[str, object], *, datagram: bool = False) -> ServerSettings | None:
    """What ``definition["tls"]`` says; None without it.

    A mapping has ``certificate`` and ``key`` (PEM), and may have ``suites`` (IANA numbers in hexadecimal),
    ``oldest`` and ``newest`` (names of versions), ``tickets``, ``client_roots`` (PEM; a client certificate is
    then demanded), ``names`` (other certificates and keys by the name that a client indicates) and ``psks``
    (pre-shared key by identity, both text). ValueError for anything else.
    """
    given = definition.get("tls")
    if given is None or isinstance(given, ServerSettings):
        return given
    if not isinstance(given, Mapping):
        raise ValueError("tls: a mapping is expected")
    unknown = set(given) - _KNOWN
    if unknown:
        raise ValueError(f"tls: nobody knows {', '.join(sorted(map(str, unknown)))}")
    roots = given.get("client_roots")
    return ServerSettings(
        credentials=_credentials(given),
        by_name={str(name): _credentials(pair) for name, pair in given.get("names", {}).items()},
        psks={str(name).encode(): str(key).encode() for name, key in given.get("psks", {}).items()},
        datagram=datagram,
        minimum=_version(given.get("oldest")),
        maximum=_version(given.get("newest")),
        suites=tuple(int(str(one), 16) for one in given.get("suites", ())),
        tickets=bool(given.get("tickets", True)),
        client_certificate=roots is not None,
        client_roots=_roots(str(roots)) if roots is not None else (),
    )


def _credentials(pair: Mapping[str, object]) -> Credentials:
    return credentials_from_pem(str(pair["certificate"]).encode(), str(pair["key"]).encode())


def _version(name: object) -> Version | None:
    if name is None:
        return None
    try:
        return Version[str(name)]
    except KeyError:
        raise ValueError(f"tls: there is no version {name}") from None


def _roots(pem: str) -> tuple[bytes, ...]:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    return tuple(one.public_bytes(serialization.Encoding.DER)
                 for one in x509.load_pem_x509_certificates(pem.encode()))
