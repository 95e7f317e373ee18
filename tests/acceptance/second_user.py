"""Two users, two rig files with other slot names, one bench: the second is told who holds it, since when.

As root the second user is a real second uid; without root both are this user with guardians of their own. The
first user's run and guardian are then killed at once, with a supply on: the second takes what the dead left,
which switches it off.
"""

from __future__ import annotations

import contextlib
import copy
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SUBJECT = "bench"
BAR = "a second user with other slot names: refused with holder and time; a dead holder's lock recovered"

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOLDER = HERE / "lease_holder.py"
NOBODY = 65534
WAIT_S = 60.0
NEEDED = "import cellbench.guardian.client, pydantic, pyvisa, yaml"


@dataclass(frozen=True)
class User:
    """One who uses the bench: a uid, an interpreter that this uid may run, a runtime directory of its own."""

    uid: int
    python: str
    runtime: Path
    locks: Path

    @property
    def surroundings(self) -> dict[str, str]:
        """The environment of this user's programs."""
        paths = [str(ROOT / "src"), *(entry for entry in sys.path if "site-packages" in entry)]
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(paths),
            "HOME": str(self.runtime),
            "CELLBENCH_RUNTIME_DIR": str(self.runtime),
            "CELLBENCH_LOCK_DIR": str(self.locks),
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A program of this user."""
        options: dict[str, Any] = {}
        if self.uid != os.getuid():
            options = {"user": self.uid, "group": self.uid, "extra_groups": []}
        return subprocess.Popen(
            [self.python, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.surroundings,
            cwd="/",
            **options,
        )

    def run(self, *words: str) -> tuple[int, str]:
        """A program of this user to its end: status and what it said."""
        program = self.start(*words)
        said = program.communicate(timeout=WAIT_S)[0]
        return program.returncode, said


def other_user(place: Path, locks: Path) -> User:
    """The second user: another uid where that is possible, else this one with another runtime directory."""
    runtime = place / "second"
    runtime.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(runtime, NOBODY, NOBODY)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
            user = User(NOBODY, python, runtime, locks)
            with contextlib.suppress(OSError):
                if user.run("-c", NEEDED)[0] == 0:
                    return user
        shutil.rmtree(runtime)
        runtime.mkdir(mode=0o700)
    return User(os.getuid(), sys.executable, runtime, locks)


def renamed(model: dict[str, Any], password: Path) -> dict[str, Any]:
    """The same equipment under other names: rig, slots and instruments."""
    text = yaml.safe_dump(copy.deepcopy(model), sort_keys=False)
    other: dict[str, Any] = yaml.safe_load(
        text.replace("psu1", "bench-supply").replace("relays1", "bench-relays")
    )
    other["rig"] = "theirs"
    other["slots"] = {f"theirs-{name}": slot for name, slot in other["slots"].items()}
    other["instruments"]["bench-relays"]["password"] = {"file": str(password)}
    return other


def play(place: Path) -> list[dict[str, object]]:
    """The whole story; one row for each thing that must be so."""
    place.chmod(0o755)
    locks = place / "locks"
    first = User(os.getuid(), sys.executable, place / "first", locks)
    first.runtime.mkdir(mode=0o700)
    second = other_user(place, locks)
    planted = runpy.run_path(str(HERE / "planted_mistakes.py"))
    with planted["rack_of"](place / "rack", "a=LENA-R8", "b=LARA-R6") as rack:
        mine, theirs, ports = _rig_files(place, rack)
        with _holding(first, mine) as holder:
            rows = _refusals(first, second, mine, theirs, ports)
            guardian = _guardian_of(first)
            # stopped first: a guardian that sees the holder die would switch off before it dies itself
            os.kill(guardian, signal.SIGSTOP)
            os.kill(holder.pid, signal.SIGKILL)
            os.kill(guardian, signal.SIGKILL)
        rows += _recovery(second, theirs, rack)
        for user in (first, second):
            user.run(
                "-c",
                "from cellbench.guardian.start import stop; import pathlib, os; "
                "stop(pathlib.Path(os.environ['CELLBENCH_RUNTIME_DIR']))",
            )
    who = f"uid {second.uid}" if second.uid != os.getuid() else "this user with a second guardian (no root)"
    rows[0]["figure"] = f"{rows[0]['figure']}; second user: {who}"
    return rows


def _rig_files(place: Path, rack: Path) -> tuple[Path, Path, Path]:
    """The first user's rig file, the second's, and one with a port alone."""
    model = yaml.safe_load((rack / "rig.yaml").read_text())
    password = place / "password"
    password.write_text((rack / "relay-password").read_text())
    password.chmod(0o644)
    bare = renamed(model, password)
    slot = bare["slots"]["theirs-a"]
    bare["slots"] = {"theirs-port": {"series": slot["series"], "ports": {"uart": slot["ports"]["uart"]}}}
    bare["instruments"] = {}
    found = []
    for name, content in (("mine", model), ("theirs", renamed(model, password)), ("ports", bare)):
        path = place / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        path.chmod(0o644)
        found.append(path)
    return found[0], found[1], found[2]


@contextlib.contextmanager
def _holding(user: User, rig: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of a user that has slot a and its supply on."""
    holder = user.start(str(HOLDER), str(rig), "a", "on")
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.communicate(timeout=WAIT_S)


def _refusals(first: User, second: User, mine: Path, theirs: Path, ports: Path) -> list[dict[str, object]]:
    name = _name_of(first.uid)
    held = rf"is held by user {name}, pid \d+, run planted, since \d{{4}}-\d\d-\d\dT"
    status, said = second.run(str(HOLDER), str(theirs), "theirs-a")
    rows = [
        _row(
            "a second user's run over the same equipment is refused with holder and time",
            status != 0 and re.search(held, said) is not None,
            said,
        )
    ]
    status, said = second.run("-m", "cellbench", "check", str(theirs))
    rows.append(
        _row(
            "the second user's check names holder and time",
            status == 10 and re.search(rf"instrument bench-supply .*{held}", said) is not None,
            said,
        )
    )
    status, said = second.run(str(HOLDER), str(ports), "theirs-port")
    rows.append(
        _row(
            "a second user's rig that shares a port alone is refused",
            status != 0 and re.search(rf"port .*{held}", said) is not None,
            said,
        )
    )
    own = theirs.with_name("own-second.yaml")
    own.write_text(theirs.read_text())
    status, said = first.run(str(HOLDER), str(own), "theirs-a")
    by_slot = rf"slot theirs-a .*is held by user {name}, pid \d+, run planted, since .* as slot a"
    rows.append(
        _row(
            "the same user's second rig file with other slot names is refused, with the first's slot",
            status != 0 and re.search(by_slot, said) is not None,
            said,
        )
    )
    return rows


def _recovery(second: User, theirs: Path, rack: Path) -> list[dict[str, object]]:
    """Run and guardian of the first user are dead, slot a's supply is on."""
    was_on = _switchings(rack)[-1] == "on"
    began = time.monotonic()
    taken = second.start(str(HOLDER), str(theirs), "theirs-a")
    assert taken.stdout is not None
    said = taken.stdout.readline()
    took = time.monotonic() - began
    if said != "held\n":
        said += taken.communicate(timeout=WAIT_S)[0]
    switched = _switchings(rack)
    taken.kill()
    taken.communicate(timeout=WAIT_S)
    log = (second.runtime / "guardian.log").read_text() if said == "held\n" else ""
    return [
        _row(
            "a dead holder's supply stays on until somebody takes the bench, who switches it off",
            was_on and said == "held\n" and switched[-1] == "off",
            f"{said} {switched}",
        ),
        _row(
            "the dead holder's lock is taken, its account in the log",
            "left by a holder that died (user" in log,
            f"{took:.1f} s; {said}" if "left by" not in log else f"within {took:.1f} s",
        ),
    ]


def _switchings(rack: Path) -> list[str]:
    """What the rack saw of slot a's supply output: on, off ..."""
    return [line.split()[3] for line in (rack / "a" / "supply.log").read_text().splitlines()]


def _guardian_of(user: User) -> int:
    status, said = user.run(
        "-c", "from cellbench.guardian.client import GuardianClient as G; print(G.connect().guardian_pid)"
    )
    assert status == 0, said
    return int(said.split()[-1])


def _name_of(uid: int) -> str:
    from cellbench.guardian.processes import user_name

    return re.escape(user_name(uid))


def _row(what: str, met: bool, said: str) -> dict[str, object]:
    figure = said.strip() if met and len(said) < 60 else "so" if met else said.strip()[-600:]
    return {"what": what, "goal": "so", "figure": figure, "met": met}


def main() -> list[dict[str, object]]:
    """In a folder that both users may enter."""
    place = Path(tempfile.mkdtemp(prefix="cellbench-two-users-"))
    try:
        return play(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    for row in main():
        print(row)
