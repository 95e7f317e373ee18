"""Starting the rack that a rig file's ``launch:`` names."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from select import select

from cellbench.base.clock import Deadline
from cellbench.base.errors import RigError
from cellbench.rig.load import LoadedRig, complete, load_rig

_READY_S = 60.0
_STOP_S = 5.0
_STALE_S = 600.0
_PREFIX = "cellbench-rack-"


@dataclass(slots=True)
class Launched:
    """A rack that this process started; ``rig`` is what the rack is, with what the launching file states;
    ``generated`` is the rack's own rig file."""

    rig: LoadedRig
    generated: Path
    process: subprocess.Popen[bytes]
    directory: Path
    temporary: bool

    def stop(self) -> None:
        """End the rack: SIGTERM, and SIGKILL when it does not listen."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(_STOP_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        if self.temporary:
            shutil.rmtree(self.directory, ignore_errors=True)


def launch(rig: LoadedRig, *, timing: str | None = None, directory: Path | None = None) -> Launched:
    """Start the rack and wait for its ready line.

    The command gets ``--dir`` and, when asked for, ``--timing`` appended; ours, ``--end-with`` as well.
    RigError when it does not come up, or when its rig file names other slots.
    """
    text = rig.model.launch
    if text is None:
        raise RigError(f"{rig.path}: the rig file launches nothing")
    temporary = directory is None
    if temporary:
        _sweep()
    place = directory or Path(tempfile.mkdtemp(prefix=_PREFIX))
    command = [*_command(text), "--dir", str(place)]
    if command[3:5] == ["virtual", "up"]:
        command += ["--end-with", str(os.getpid())]  # a killed run leaves no rack behind
    if timing is not None:
        command += ["--timing", timing]
    log = (place / "launch.log").open("wb")
    # a session of its own: the terminal's Ctrl-C is for the run, which needs the rack to switch off in order
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    except OSError as error:
        if temporary:
            shutil.rmtree(place, ignore_errors=True)
        raise RigError(
            f"{rig.where('launch')}: {command[0]} cannot be started: {error.strerror}",
            remedy="correct launch: name a program that is there and may be run",
        ) from error
    finally:
        log.close()
    try:
        ready = _ready(process, command, place)
        generated = load_rig(Path(ready["rig_file"]))
        completed = complete(rig, generated)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return Launched(completed, generated.path, process, place, temporary)


def _sweep() -> None:
    """Remove what the racks of killed runs left: folders of this user that no rack holds any more."""
    now = time.time()
    for place in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            facts = place.stat()
            if facts.st_uid == os.getuid() and now - facts.st_mtime > _STALE_S and _is_free(place / "lock"):
                shutil.rmtree(place, ignore_errors=True)
        except OSError:
            continue  # somebody else removes it, or it is nobody's business


def _is_free(lock: Path) -> bool:
    """True when a rack ran here and none does now."""
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _command(text: str) -> list[str]:
    words = shlex.split(text)
    if words and words[0] == "cellbench":
        return [sys.executable, "-m", "cellbench", *words[1:]]
    return words


def _ready(process: subprocess.Popen[bytes], command: list[str], place: Path) -> dict[str, str]:
    assert process.stdout is not None
    deadline, line = Deadline.after(_READY_S), b""
    while not line.endswith(b"\n"):
        readable, _, _ = select([process.stdout], [], [], deadline.remaining)
        chunk = os.read(process.stdout.fileno(), 65536) if readable else b""
        if not chunk:
            told = (place / "launch.log").read_text(errors="replace").strip().splitlines()
            why = told[-1] if told else "it said nothing"
            raise RigError(
                f"the rack did not come up: {why.removeprefix('cellbench: ')}",
                remedy=f"it was started by `{shlex.join(command)}`; {place / 'launch.log'} has all it said",
            )
        line += chunk
    try:
        ready: dict[str, str] = json.loads(line)
    except ValueError:
        raise RigError(f"the rack's ready line is no JSON: {line[:200]!r}") from None
    if not ready.get("ready") or "rig_file" not in ready:
        raise RigError(f"the rack's ready line names no rig file: {line[:200]!r}")
    return ready
