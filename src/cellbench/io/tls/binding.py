"""Every symbol of OpenSSL that pyOpenSSL keeps private, in one place.

pyOpenSSL offers no session export, no PSK and no expected host name; its bindings carry them. A release
that drops one must be told at the start, by name, and not in the middle of a handshake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from OpenSSL import SSL

from cellbench.base.errors import FrameworkError

_lib: Any = SSL._lib  # type: ignore[attr-defined]
_ffi: Any = SSL._ffi  # type: ignore[attr-defined]

_NEEDED = (
    "SSL_set_session", "SSL_session_reused", "i2d_SSL_SESSION", "d2i_SSL_SESSION",
    "SSL_SESSION_free", "SSL_CIPHER_find", "SSL_CIPHER_get_name",
    "SSL_get0_param", "X509_VERIFY_PARAM_set1_host", "X509_VERIFY_PARAM_set1_ip",
    "SSL_CTX_set_psk_client_callback", "SSL_CTX_set_psk_server_callback",
)


def missing_symbols() -> tuple[str, ...]:
    """Names of the bindings that this release of pyOpenSSL and cryptography lacks."""
    return tuple(name for name in _NEEDED if not hasattr(_lib, name))


def check_symbols() -> None:
    """FrameworkError names what the installed pyOpenSSL lacks."""
    missing = missing_symbols()
    if missing:
        raise FrameworkError(f"the installed pyOpenSSL lacks {', '.join(missing)}",
                             remedy="install the versions that requirements.lock names")


def export_session(connection: SSL.Connection) -> bytes | None:
    """The session of a connection as DER, None when there is none."""
    session = connection.get_session()
    if session is None:
        return None
    pointer = session._session
    size = _lib.i2d_SSL_SESSION(pointer, _ffi.NULL)
    if size <= 0:
        return None
    buffer = _ffi.new("unsigned char[]", size)
    place = _ffi.new("unsigned char **", buffer)
    _lib.i2d_SSL_SESSION(pointer, place)
    return bytes(_ffi.buffer(buffer, size))


def import_session(connection: SSL.Connection, der: bytes) -> None:
    """Offer a session; ValueError when OpenSSL cannot read it.

    Not Connection.set_session, which wants a Session born of the same Context.
    """
    buffer = _ffi.new("unsigned char[]", der)
    place = _ffi.new("unsigned char **", buffer)
    pointer = _lib.d2i_SSL_SESSION(_ffi.NULL, place, len(der))
    if pointer == _ffi.NULL:
        _lib.ERR_clear_error()
        raise ValueError("not a TLS session")
    pointer = _ffi.gc(pointer, _lib.SSL_SESSION_free)
    if _lib.SSL_set_session(_ssl(connection), pointer) != 1:
        _lib.ERR_clear_error()
        raise ValueError("this session does not fit the connection")


def resumed(connection: SSL.Connection) -> bool:
    """True when the handshake was an abbreviated one."""
    return bool(_lib.SSL_session_reused(_ssl(connection)) == 1)


def suite_name(suite: int) -> str | None:
    """OpenSSL's name of an IANA suite, None when this build does not have it."""
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
    return _suite_name(connection, suite)


def _suite_name(connection: SSL.Connection, suite: int) -> str | None:
    cipher = _lib.SSL_CIPHER_find(_ssl(connection), _ffi.new("unsigned char[]", suite.to_bytes(2, "big")))
    if cipher == _ffi.NULL:
        return None
    return str(_ffi.string(_lib.SSL_CIPHER_get_name(cipher)).decode())


def expect_host(connection: SSL.Connection, host: str, address: bytes | None) -> None:
    """Let the certificate check compare the host name, or the address in network order."""
    parameters = _lib.SSL_get0_param(_ssl(connection))
    if address is not None:
        _lib.X509_VERIFY_PARAM_set1_ip(parameters, address, len(address))
    else:
        name = host.encode("idna" if not host.isascii() else "ascii")
        _lib.X509_VERIFY_PARAM_set1_host(parameters, name, len(name))


def set_client_psk(context: SSL.Context, identity: bytes, key: bytes) -> object:
    """Offer a PSK; the value returned must live as long as the context."""

    def answer(ssl: Any, hint: Any, place: Any, longest: int, secret: Any, most: int) -> int:
        if len(identity) + 1 > longest or len(key) > most:
            return 0
        _ffi.memmove(place, identity + b"\0", len(identity) + 1)
        _ffi.memmove(secret, key, len(key))
        return len(key)

    callback = _ffi.callback(
        "unsigned int (*)(SSL *, char *, char *, unsigned int, unsigned char *, unsigned int)", answer
    )
    _lib.SSL_CTX_set_psk_client_callback(_context(context), callback)
    return callback


def set_server_psks(context: SSL.Context, keys: Mapping[bytes, bytes],
                    seen: Callable[[bytes], None] | None = None) -> object:
    """Accept these PSKs by identity; the value returned must live as long as the context."""

    def answer(ssl: Any, identity: Any, secret: Any, most: int) -> int:
        name = bytes(_ffi.string(identity)) if identity != _ffi.NULL else b""
        if seen is not None:
            seen(name)
        key = keys.get(name, b"")
        if not key or len(key) > most:
            return 0
        _ffi.memmove(secret, key, len(key))
        return len(key)

    callback = _ffi.callback("unsigned int (*)(SSL *, char *, unsigned char *, unsigned int)", answer)
    _lib.SSL_CTX_set_psk_server_callback(_context(context), callback)
    return callback


def _ssl(connection: SSL.Connection) -> Any:
    return connection._ssl


def _context(context: SSL.Context) -> Any:
    return context._context
