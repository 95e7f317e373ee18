"""Reach the guardian of a runtime directory, or start one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import cellbench
from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError
from cellbench.guardian import paths, protocol
from cellbench.guardian.connection import Connection
from cellbench.guardian.errors import GuardianLost, LeaseEnded

START_S = 20.0
READY = 0
ANOTHER_RUNS = 3
_HELLO_S = 10.0
_PAUSE_S = 0.05


def connect_or_start(place: Path, purpose: str, on_lost: Callable[[], None] | None) -> Connection:
    """A connection that has greeted; GuardianLost when no guardian comes up in 20 s."""
    deadline = Deadline.after(START_S)
    said = ""
    while not deadline.expired:
        connection = connect(place, purpose, on_lost)
        if connection is not None:
            return connection
        status, said = _start(place)
        if status == READY:
            continue
        if status != ANOTHER_RUNS:
            break
        threading.Event().wait(_PAUSE_S)  # it is leaving, or not listening yet
    raise GuardianLost(
        f"no guardian came up in {place}: {said.strip() or 'another one leaves too slowly'}",
        remedy=f"see {place / 'guardian.log'}",
    )


def connect(place: Path, purpose: str, on_lost: Callable[[], None] | None = None) -> Connection | None:
    """A connection to a guardian that runs already; None when none does."""
    sock = _dial(place)
    if sock is None:
        return None
    connection = Connection(sock, purpose, on_lost)
    try:
        hello = connection.request("hello", {"purpose": purpose}, _HELLO_S)
    except (GuardianLost, LeaseEnded):  # it left between our dialling and our greeting
        connection.close()
        return None
    if hello["version"] != protocol.VERSION:
        _replace(connection, hello["version"])
        return None
    connection.guardian_pid = cast(int, hello["pid"])
    return connection


def stop(place: Path) -> bool:
    """Have a guardian make everything safe and leave; False when none runs."""
    connection = connect(place, "stop")
    if connection is None:
        return False
    try:
        connection.request("leave", {"force": True}, START_S)
    except (GuardianLost, LeaseEnded):
        return True
    finally:
        connection.close()
    return True


def _replace(connection: Connection, version: object) -> None:
    """Have a guardian of another version leave when it has nothing to guard."""
    try:
        connection.request("leave", {"force": False}, _HELLO_S)
    except (GuardianLost, LeaseEnded):
        return
    except CellbenchError as error:
        raise GuardianLost(
            f"the guardian that runs speaks version {version}, this program {protocol.VERSION}: {error}",
            remedy="end the runs that use it, then try again",
        ) from error
    finally:
        connection.close()


def _dial(place: Path) -> socket.socket | None:
    try:
        directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(paths.socket_in(directory))
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
        sock.close()
        return None
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(directory)
    return sock


def _start(place: Path) -> tuple[int, str]:
    """Run the launcher, which ends once the guardian listens; its status and what it said."""
    home = str(Path(cellbench.__file__).resolve().parent.parent)
    others = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([home, others] if others else [home])}
    # -P: the current directory of a run must not shadow modules of the guardian
    command = [sys.executable, "-P", "-m", "cellbench.guardian", "--runtime-dir", str(place)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            timeout=START_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, f"not ready after {START_S:g} s"
    except OSError as error:
        return 1, f"{sys.executable}: {error.strerror}"
    return done.returncode, done.stdout.decode(errors="replace")
