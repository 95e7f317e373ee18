"""Settings to OpenSSL contexts. A context is frozen by its first connection: a client has one each."""

from __future__ import annotations

import enum
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL, crypto

from cellbench.io.tls import binding
from cellbench.io.tls.settings import (
    Check,
    ClientSettings,
    Credentials,
    Pin,
    PinLevel,
    ServerSettings,
    Version,
)

_NOT_YET, _EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_HOST_MISMATCH, _IP_MISMATCH = 62, 64
_COOKIE_EXCHANGE = 0x2000  # SSL_OP_COOKIE_EXCHANGE
_TLS13_SUITES = range(0x1301, 0x1306)
_FIRST = {False: Version.TLS_1_0, True: Version.DTLS_1_0}
_LAST = {False: Version.TLS_1_3, True: Version.DTLS_1_2}


class Refusal(enum.Enum):
    """What the check of a certificate found; the names are those of engine.Failure."""

    ISSUER = "no trusted root issued the certificate"
    HOST = "the certificate is for another host"
    DATES = "the certificate is not valid now"
    KEY_SIZE = "a key in the chain is too short"
    PIN = "the certificate is not the pinned one"


@dataclass(slots=True)
class Prepared:
    """A context, what must live as long as it, and what its check refused."""

    context: SSL.Context
    refusal: Callable[[], Refusal | None]
    kept: list[object] = field(default_factory=list)
    attach: Callable[[SSL.Connection], None] = lambda connection: None


def client_context(settings: ClientSettings) -> Prepared:
    """A client's context; ValueError when none of the suites exists in this build."""
    binding.check_symbols()
    context = SSL.Context(SSL.DTLS_METHOD if settings.datagram else SSL.TLS_METHOD)
    _offer(context, settings)
    if not settings.tickets:
        context.set_options(SSL.OP_NO_TICKET)
    verdict = _Verdict(settings)
    context.set_verify(SSL.VERIFY_PEER, verdict.check)
    _trust(context, settings.roots)
    if settings.now is not None:
        context.get_cert_store().set_time(settings.now)  # type: ignore[union-attr]
    prepared = Prepared(context, verdict.refusal)
    if settings.credentials is not None:
        _use(context, settings.credentials)
    if settings.psk is not None:
        prepared.kept.append(binding.set_client_psk(context, settings.psk.identity, settings.psk.key))

    def attach(connection: SSL.Connection) -> None:
        if settings.sni:
            connection.set_tlsext_host_name(settings.sni.encode("ascii", "replace"))
        if settings.check >= Check.HOST and settings.host:
            binding.expect_host(connection, settings.host, _address(settings.host))
        if settings.session is not None:
            binding.import_session(connection, settings.session.der)

    prepared.attach = attach
    return prepared


def server_context(settings: ServerSettings) -> Prepared:
    """A server's context, shared by its connections: it keeps their sessions."""
    binding.check_symbols()
    context = SSL.Context(SSL.DTLS_METHOD if settings.datagram else SSL.TLS_METHOD)
    _offer(context, settings)
    prepared = Prepared(context, lambda: None)
    if settings.credentials is not None:
        _use(context, settings.credentials)
    if settings.psks:
        prepared.kept.append(binding.set_server_psks(context, settings.psks))
    _resumption(context, settings)
    if settings.client_certificate:
        _trust(context, settings.client_roots)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *seen: bool(seen[4]))
    if settings.by_name:
        _names(prepared, settings)
    if settings.datagram and settings.cookie_key:
        _cookies(context, settings.cookie_key)
    return prepared


@dataclass(slots=True)
class Visitor:
    """Where a server's datagrams go to; ``proven`` once its cookie came back."""

    address: bytes
    proven: bool = False


def _cookies(context: SSL.Context, key: bytes) -> None:
    """A connection's application data is its :class:`Visitor`."""

    def made(connection: SSL.Connection) -> bytes:
        return hmac.digest(key, connection.get_app_data().address, "sha256")

    def checked(connection: SSL.Connection, cookie: bytes) -> bool:
        visitor: Visitor = connection.get_app_data()
        visitor.proven = hmac.compare_digest(made(connection), cookie)
        return visitor.proven

    context.set_options(_COOKIE_EXCHANGE)
    context.set_cookie_generate_callback(made)
    context.set_cookie_verify_callback(checked)


def _names(prepared: Prepared, settings: ServerSettings) -> None:
    """Another certificate for each name that a client may indicate (RFC 6066 3)."""
    others: dict[bytes, SSL.Context] = {}
    for name, credentials in settings.by_name.items():
        other = SSL.Context(SSL.DTLS_METHOD if settings.datagram else SSL.TLS_METHOD)
        _offer(other, settings)
        _use(other, credentials)
        others[name.encode("ascii")] = other
    prepared.kept.append(others)

    def chosen(connection: SSL.Connection) -> None:
        other = others.get(connection.get_servername() or b"")
        if other is not None:
            connection.set_context(other)

    prepared.context.set_tlsext_servername_callback(chosen)


def _resumption(context: SSL.Context, settings: ServerSettings) -> None:
    if not settings.tickets or not settings.resumption:
        context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER if settings.resumption else SSL.SESS_CACHE_OFF)
    context.set_session_id(b"cellbench")


def _offer(context: SSL.Context, settings: ClientSettings | ServerSettings) -> None:
    """Versions and suites. Suites of TLS 1.3 alone, or none of them, narrow the versions (RFC 8446 B.4).

    OpenSSL's security level 0 lets old suites, short keys and SHA-1 take part: refusing is the check's.
    """
    if settings.datagram:
        # without it OpenSSL asks for the path's size, which nobody tells it, and cuts a hello to 256 bytes
        context.set_options(SSL.OP_NO_QUERY_MTU)
    minimum = (settings.minimum or _FIRST[settings.datagram]).value
    maximum = (settings.maximum or _LAST[settings.datagram]).value
    known = [(suite, name) for suite in settings.suites if (name := binding.suite_name(suite)) is not None]
    if settings.suites and not known:
        listed = ", ".join(f"{suite:04X}" for suite in settings.suites)
        raise ValueError(f"this build of OpenSSL has none of the suites {listed}")
    older = [name for suite, name in known if suite not in _TLS13_SUITES]
    newer = [name for suite, name in known if suite in _TLS13_SUITES]
    if newer and not older:
        minimum = max(minimum, Version.TLS_1_3.value)
    if older and not newer and not settings.datagram:
        maximum = min(maximum, Version.TLS_1_2.value)
    context.set_min_proto_version(minimum)
    context.set_max_proto_version(maximum)
    offered = ":".join([*older, "@SECLEVEL=0"]) if older else "ALL:PSK:COMPLEMENTOFDEFAULT:@SECLEVEL=0"
    context.set_cipher_list(offered.encode())
    if newer:
        context.set_tls13_ciphersuites(":".join(newer).encode())


def _trust(context: SSL.Context, roots: tuple[bytes, ...]) -> None:
    store = context.get_cert_store()
    if store is None:
        raise ValueError("this context has no certificate store")
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    for root in roots:
        store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, root))


def _use(context: SSL.Context, credentials: Credentials) -> None:
    context.use_certificate(x509.load_der_x509_certificate(credentials.certificate))
    for one in credentials.chain:
        context.add_extra_chain_cert(x509.load_der_x509_certificate(one))
    key = serialization.load_der_private_key(credentials.key, password=None)
    context.use_privatekey(key)  # type: ignore[arg-type]


def _address(host: str) -> bytes | None:
    try:
        return ipaddress.ip_address(host).packed
    except ValueError:
        return None


class _Verdict:
    """The check of a server's certificates, and what it refused."""

    __slots__ = ("_refusal", "_settings")

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._refusal: Refusal | None = None

    def refusal(self) -> Refusal | None:
        """What was refused, None while nothing was."""
        return self._refusal

    def check(self, connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int,
              good: int) -> bool:
        """OpenSSL asks this for each certificate of the chain, and again for each fault it finds."""
        found = self._weigh(certificate.to_cryptography(), error, depth, bool(good))
        if found is not None and self._refusal is None:
            self._refusal = found
        return found is None

    def _weigh(self, certificate: x509.Certificate, error: int, depth: int, good: bool) -> Refusal | None:
        settings = self._settings
        if self._too_short(certificate):
            return Refusal.KEY_SIZE
        if depth == 0 and settings.pin is not None and not _pinned(certificate, settings.pin):
            return Refusal.PIN
        if settings.check is Check.NONE:
            return None
        if good:
            unflagged = depth == 0 and settings.flagged_roots and not _is_authority(certificate)
            own = unflagged and certificate.public_bytes(serialization.Encoding.DER) in settings.roots
            return Refusal.ISSUER if own else None
        if error in (_NOT_YET, _EXPIRED):
            return Refusal.DATES if settings.check >= Check.DATES else None
        if error in (_HOST_MISMATCH, _IP_MISMATCH):
            return Refusal.HOST
        return Refusal.ISSUER

    def _too_short(self, certificate: x509.Certificate) -> bool:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            return key.key_size < self._settings.least_rsa_bits
        if isinstance(key, ec.EllipticCurvePublicKey):
            return key.key_size < self._settings.least_ec_bits
        return False


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _pinned(certificate: x509.Certificate, pin: Pin) -> bool:
    try:
        wanted = x509.load_der_x509_certificate(pin.certificate)
    except ValueError:
        return False  # nothing can be equal to what is no certificate
    if pin.level is PinLevel.CERTIFICATE:
        return certificate == wanted
    if pin.level is PinLevel.KEY_INFORMATION:
        return _key_information(certificate) == _key_information(wanted)
    return _key_bits(certificate) == _key_bits(wanted)


def _key_information(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_bits(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
