"""The authority behind a host's servers: the user's own, or one made at the first start and kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cellbench.base.errors import OperatorError
from cellbench.io.tls.settings import ServerSettings

from .authority import Authority, KeyKind


def settings_for_host(directory: Path, names: Sequence[str], ca: Path | None,
                      ca_key: Path | None) -> tuple[ServerSettings, Path]:
    """TLS settings of servers called ``names``, and the PEM file that modules are to trust.

    Without ``ca`` the authority in ``directory`` (ca.pem, ca-key.pem) signs; it is made when it is not
    there, its key readable by its owner alone. OperatorError when a file cannot be used.
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
    # the modules take RSA in every firmware, EC only in some
    first, *also = dict.fromkeys(names)
    return ServerSettings(credentials=authority.issue(first, also=also, kind=KeyKind.RSA_2048)), certificate


def _make(certificate: Path, key: Path) -> None:
    authority = Authority("Cellbench services", key=KeyKind.RSA_2048.make())
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(authority.key_pem)
    certificate.write_bytes(authority.pem)
