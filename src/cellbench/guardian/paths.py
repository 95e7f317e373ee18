"""Where the guardian keeps its socket, state and locks."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from cellbench.base.errors import RigError

RUNTIME_VARIABLE = "CELLBENCH_RUNTIME_DIR"
LOCK_VARIABLE = "CELLBENCH_LOCK_DIR"
SOCKET = "guardian.sock"
_SHARED = 0o1777


def runtime_dir(given: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """The directory of this user's guardian: ``given``, else CELLBENCH_RUNTIME_DIR, else a fixed one.

    The fixed one is below /var/tmp, which outlives a reboot: what was left on when the host lost power is
    still known. It is made with mode 0700; RigError when it belongs to somebody else.
    """
    path = given or Path(environment.get(RUNTIME_VARIABLE) or f"/var/tmp/cellbench-{os.getuid()}")
    path = path.absolute()
    _make(path, 0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RigError(
            f"{path} is not a directory of this user", remedy=f"remove it or set {RUNTIME_VARIABLE}"
        )
    if found.st_mode & 0o077:
        path.chmod(0o700)
    return path


def lock_dir(given: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """The locks of all users of this host: ``given``, else CELLBENCH_LOCK_DIR, else a fixed directory.

    Mode 1777: anybody may lock, nobody may remove another's file.
    """
    path = given or Path(environment.get(LOCK_VARIABLE) or "/var/tmp/cellbench-locks")
    path = path.absolute()
    _make(path, _SHARED)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise RigError(f"{path} is not a directory", remedy=f"remove it or set {LOCK_VARIABLE}")
    if found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) != _SHARED:
        path.chmod(_SHARED)  # mkdir's mode went through the umask
    if not os.access(path, os.W_OK | os.X_OK):
        raise RigError(f"{path} cannot be written", remedy=f"chmod 1777 {path}, or set {LOCK_VARIABLE}")
    return path


def socket_in(directory_fd: int) -> str:
    """The socket by way of an open directory: a socket's address ends at 107 bytes, a path does not."""
    return f"/proc/self/fd/{directory_fd}/{SOCKET}"


def _make(path: Path, mode: int) -> None:
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise RigError(f"{path} cannot be made: {error.strerror}") from error
