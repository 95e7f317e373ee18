"""The authority behind a host's servers: the user's own, or one made at the first start and kept."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from cellbench.base.errors import OperatorError

from .authority import Authority, KeyKind, pem_certificate


def authority_for_host(directory: Path, ca: Path | None, ca_key: Path | None) -> tuple[Authority, Path]:
    """The authority of a host's servers, and the PEM file that modules are to trust.

    Without ``ca`` it is the one in ``directory`` (ca.pem, ca-key.pem), made when it is not there, its key
    readable by its owner alone. OperatorError when a file cannot be used.
    """
    if (ca is None) != (ca_key is None):
        raise OperatorError("an authority takes its certificate and its key", remedy="give --ca and --ca-key")
    certificate, key = ca or directory / "ca.pem", ca_key or directory / "ca-key.pem"
    if ca is None and not (certificate.exists() and key.exists()):
        _make(certificate, key)
    try:
        authority = Authority.load(certificate.read_bytes(), key.read_bytes())
    except OSError as error:
        raise OperatorError(f"{error.filename}: {error.strerror}") from None
    except (ValueError, TypeError) as error:
        raise OperatorError(f"{certificate} and {key} cannot be used as an authority: {error}",
                            remedy="give PEM files, the key without a password") from None
    return authority, certificate


def kept_client(directory: Path, authority: Authority) -> tuple[Path, Path]:
    """Files with a client certificate and its key (PEM, no password), kept in ``directory``; made when they
    are not there, or are another authority's."""
    certificate, key = (directory / "client.pem").absolute(), (directory / "client-key.pem").absolute()
    if not (key.exists() and _is_issued_by(certificate, authority)):
        made = authority.issue("Cellbench module", kind=KeyKind.RSA_2048)
        loaded = serialization.load_der_private_key(made.key, password=None)
        _write_key(key, loaded.private_bytes(serialization.Encoding.PEM,
                                             serialization.PrivateFormat.TraditionalOpenSSL,
                                             serialization.NoEncryption()))
        certificate.write_bytes(pem_certificate(made.certificate))
    return certificate, key


def _is_issued_by(path: Path, authority: Authority) -> bool:
    try:
        issued = x509.load_pem_x509_certificate(path.read_bytes())
        issued.verify_directly_issued_by(x509.load_der_x509_certificate(authority.der))
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    return True


def _make(certificate: Path, key: Path) -> None:
    authority = Authority("Cellbench services", key=KeyKind.RSA_2048.make())
    _write_key(key, authority.key_pem)
    certificate.write_bytes(authority.pem)


def _write_key(path: Path, pem: bytes) -> None:
    """Readable by its owner alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
