"""Secrets that a rig file refers to: read when they are needed, never stored."""

from __future__ import annotations

import os
from pathlib import Path

from cellbench.base.errors import RigError
from cellbench.instruments.settings import Secret
from cellbench.rig.check import file_beside

_MAX_BYTES = 10_000


def resolve_secret(secret: Secret, rig: Path, wanted_by: str) -> str:
    """The secret itself; RigError when it is not there. ``rig`` is the rig file's path, ``wanted_by``
    says for messages where the file asks for it."""
    if secret.env is not None:
        value = os.environ.get(secret.env)
        if not value:
            raise RigError(f"{wanted_by}: the environment variable {secret.env} is not set",
                           remedy=f"export {secret.env} before the run")
        return value
    file = _file_of(secret, rig)
    try:
        with file.open(encoding="utf-8") as stream:
            value = stream.readline(_MAX_BYTES).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RigError(f"{wanted_by}: the secret's file {file} cannot be read: {cause}",
                       remedy="write the secret on its first line and allow yourself to read it") from error
    if not value:
        raise RigError(f"{wanted_by}: the secret's file {file} is empty",
                       remedy="write the secret on its first line")
    return value


def reference(secret: Secret, rig: Path) -> dict[str, str]:
    """Where a secret is found, fit to be stored: ``{"env": NAME}`` or ``{"file": ABSOLUTE PATH}``."""
    if secret.env is not None:
        return {"env": secret.env}
    return {"file": str(_file_of(secret, rig))}


def _file_of(secret: Secret, rig: Path) -> Path:
    if secret.file is None:
        raise ValueError("a secret has neither env nor file")
    return file_beside(rig, secret.file).absolute()
