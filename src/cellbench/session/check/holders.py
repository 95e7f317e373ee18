"""Who has a device node open or locked: from /proc, without opening the node."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellbench.guardian.processes import user_name
from cellbench.io.usb import UsbDevice
from cellbench.rig.udev import PERMISSION_FILE, permission_rule
from cellbench.session.check.model import Host
from cellbench.session.check.rights import RELOAD

_A_RUN = re.compile(r"-m (cellbench|pytest)\b|/(cellbench|pytest)( |$)")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that uses a device; ``how`` says by what it was found."""

    pid: int
    name: str
    user: str
    command: str
    how: str

    def describe(self) -> str:
        """For a message."""
        command = f": {self.command[:120]}" if self.command else ""
        return f"{self.name} (pid {self.pid}, user {self.user}) {self.how}{command}"


def holders(node: Path, host: Host) -> tuple[Holder, ...]:
    """Every other process that has ``node`` open or locked, as far as this user may see."""
    real = Path(os.path.realpath(node))
    found: dict[int, str] = dict.fromkeys(_openers(real, host.proc), "has it open")
    for pid in _lockers(real, host.proc):
        found.setdefault(pid, "holds a lock on it")
    for pid, file in _lock_files(real, host):
        found.setdefault(pid, f"claims it by {file}")
    found.pop(os.getpid(), None)
    return tuple(_holder(pid, how, host.proc) for pid, how in sorted(found.items()))


def running(name: str, host: Host) -> Holder | None:
    """The first process of that name, whoever runs it."""
    for folder in _processes(host.proc):
        if _text(folder / "comm") == name[:15]:  # the kernel keeps 15 characters of a name
            return _holder(int(folder.name), "runs", host.proc)
    return None


def eviction(holder: Holder, node: Path, device: UsbDevice | None) -> str:
    """What to do about a holder. ``device``: the USB device that the port belongs to."""
    name = holder.name.lower()
    if name.startswith("modemmanager"):
        return f"let it ignore this device: {_ignore(device)}; or `sudo systemctl stop ModemManager`"
    if name.startswith("brltty"):
        return (
            "it takes serial adapters for Braille displays: `sudo systemctl mask --now brltty-udev brltty`, "
            "or remove the package brltty; then plug the adapter anew"
        )
    if name in {"agetty", "getty", "login", "mgetty"}:
        return (
            f"a login prompt runs on it: `sudo systemctl disable --now serial-getty@{node.name}`, and take "
            f"console={node.name} out of the kernel's command line"
        )
    if name.startswith("gpsd"):
        return "`sudo systemctl disable --now gpsd.socket gpsd`, or take the port out of its DEVICES"
    if _A_RUN.search(holder.command):
        return "a run uses it: wait until it has ended, or interrupt it"
    return f"end it: `kill {holder.pid}`"


def _ignore(device: UsbDevice | None) -> str:
    """The udev rule that keeps ModemManager away, and how it takes effect."""
    rule = (
        permission_rule(device.vid)
        if device is not None
        else 'SUBSYSTEM=="tty", KERNEL=="ttyS*|ttyAMA*|ttyUSB*", ENV{ID_MM_PORT_IGNORE}="1"'
    )
    return f"write `{rule}` into {PERMISSION_FILE}, {RELOAD}"


def _openers(node: Path, proc: Path) -> Iterator[int]:
    try:
        wanted = node.stat()
    except OSError:
        return
    for folder in _processes(proc):
        for link in _entries(folder / "fd"):
            try:
                target = os.readlink(link)
                if not target.startswith("/dev/") or target == "/dev/null":
                    continue
                if target == str(node) or _same_device(os.stat(link), wanted):
                    yield int(folder.name)
                    break
            except OSError:
                continue  # closed meanwhile


def _same_device(one: os.stat_result, other: os.stat_result) -> bool:
    return stat.S_ISCHR(one.st_mode) and stat.S_ISCHR(other.st_mode) and one.st_rdev == other.st_rdev


def _lockers(node: Path, proc: Path) -> Iterator[int]:
    """Processes with a flock or a POSIX lock on the node (proc(5), /proc/locks)."""
    try:
        facts = node.stat()
    except OSError:
        return
    where = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
    for row in (_text(proc / "locks") or "").splitlines():
        words = row.split()
        if len(words) > 5 and words[1] != "->" and words[5] == where and words[4].isdecimal():
            yield int(words[4])


def _lock_files(node: Path, host: Host) -> Iterator[tuple[int, Path]]:
    """Lock files as minicom, pppd and others write them (FHS 3.0, 5.9): LCK..ttyUSB0 with a number."""
    for folder in host.serial_locks:
        file = folder / f"LCK..{node.name}"
        text = _text(file)
        number = text.split()[0] if text and text.split() else ""
        if number.isdecimal() and (host.proc / number).exists():
            yield int(number), file


def _holder(pid: int, how: str, proc: Path) -> Holder:
    folder = proc / str(pid)
    words = (_text(folder / "cmdline") or "").split("\0")
    try:
        user = user_name(folder.stat().st_uid)
    except OSError:
        user = "?"
    command = " ".join(shlex.join(word for word in words if word).split())  # one line, whatever it is
    return Holder(pid, _text(folder / "comm") or "a process", user, command, how)


def _processes(proc: Path) -> Iterator[Path]:
    return (entry for entry in _entries(proc) if entry.name.isdecimal())


def _entries(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(folder.iterdir())
    except OSError:
        return ()


def _text(file: Path) -> str | None:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return None
