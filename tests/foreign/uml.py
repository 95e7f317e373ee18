"""A Linux kernel in a process (user-mode-linux) as a foreign peer on a PTY: n_gsm, PPP and what runs on them.

The guest's root is the host's own file system, read-only; ``/mnt`` is the guest's work directory on the
host, writable, where both sides exchange files. Its ttyS0, ttyS1 ... are the PTYs it is given. It has no
control lines, no IPv6 sockets and no way to the host but these two. The fixture ``guest`` starts one and ends
it after the test; ``Guest.ended`` gives the exit status of the script:

    one = guest(SCRIPT, serial="/dev/pts/7", modules=("n_gsm",))
    assert one.ended(60) == 0, one.log()

The script runs under busybox sh with -eu, on the host's programs (busybox's own as ``busybox NAME``, this
Python as ``$PYTHON``); what it prints stands in the log.
Debian's packages: user-mode-linux, busybox-static; pppd comes with ppp.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

MODULES = Path("/usr/lib/uml/modules")
PROGRAMS = {"linux.uml": "user-mode-linux", "busybox": "busybox-static"}
MEMORY_MB = 64
LOOK_S = 0.02
BOOT_S, BOOTS = 20.0, 3
"""Seldom, on a loaded machine, a guest stands still in the middle of its kernel's start: it gets another."""
LIFE_S = 300
"""A guest that outlives the test's process ends after this."""

INIT = """#!/bin/busybox sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/mnt TERM=dumb PYTHON={python}
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mkdir -p /dev/pts /dev/shm
/bin/busybox mount -t devpts pts /dev/pts
/bin/busybox mount -t tmpfs run /run
/bin/busybox mkdir -p /run/lock /run/tmp
export TMPDIR=/run/tmp
/bin/busybox mount -t hostfs none /mnt -o {work}
/bin/busybox sh -c "/bin/busybox sleep {life}; /bin/busybox poweroff -f" &
{modules}
cd /mnt
: >/mnt/booted
/bin/busybox ifconfig lo 127.0.0.1 up
/bin/busybox sh -eu /mnt/script
echo $? >/mnt/status.new
/bin/busybox mv /mnt/status.new /mnt/status
/bin/busybox poweroff -f
"""


def required(**more: str) -> None:
    """Fails the test by name where a program is not installed; ``more`` gives program=package."""
    for program, package in {**PROGRAMS, **more}.items():
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            pytest.fail(f"the foreign peer {program} is not installed (Debian's package {package})")


def _insmod(name: str) -> str:
    found = sorted(MODULES.glob(f"*/kernel/**/{name}.ko"))
    if not found:
        pytest.fail(f"user-mode-linux has no kernel module {name} below {MODULES}")
    return f"/bin/busybox insmod {found[-1]} || echo no {name}"


class Guest:
    """One running guest; ``modules`` are loaded in their order: slhc before ppp_generic before ppp_async."""

    def __init__(self, work: Path, script: str, *, serial: str | tuple[str, ...] = (),
                 modules: tuple[str, ...] = (), memory_mb: int = MEMORY_MB) -> None:
        required()
        lines = (serial,) if isinstance(serial, str) else serial
        self.work = work
        work.mkdir(parents=True, exist_ok=True)
        (work / "script").write_text(script)
        init = work / "init"
        init.write_text(INIT.format(work=shlex.quote(str(work)), python=shlex.quote(sys.executable),
                                    life=LIFE_S, modules="\n".join(map(_insmod, modules))))
        init.chmod(0o755)
        for _ in range(BOOTS):
            self._boot(init, lines, memory_mb)
            if self.until((work / "booted").exists, BOOT_S):
                return
            self.end()
        pytest.fail(f"the guest did not boot, {BOOTS} times: {self.log()}")

    def _boot(self, init: Path, lines: tuple[str, ...], memory_mb: int) -> None:
        self._short = tempfile.TemporaryDirectory(prefix="uml")  # a socket's path has few characters
        self._console = (self.work / "console").open("wb")
        command = ["linux.uml", "rootfstype=hostfs", "rootflags=/", "ro", f"mem={memory_mb}M", "quiet",
                   f"init={init}", f"uml_dir={self._short.name}/", "umid=guest", "con=null",
                   "con0=null,fd:1", "ssl=null",
                   *(f"ssl{number}=tty:{line}" for number, line in enumerate(lines))]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._console,
                                         stderr=subprocess.STDOUT, start_new_session=True,
                                         env={**os.environ, "HOME": self._short.name})

    def log(self) -> str:
        """What the guest's console has shown so far, the kernel's messages among it."""
        return (self.work / "console").read_text("utf-8", "replace").replace("\r\n", "\n")

    def file(self, name: str) -> Path:
        """A file of the guest's /mnt, as the host sees it."""
        return self.work / name

    def tell(self, name: str, text: str = "") -> None:
        """Put a file into /mnt whole; a script waits by ``until [ -e /mnt/NAME ]; do usleep 20000; done``."""
        fresh = self.work / f"{name}.new"
        fresh.write_text(text)
        fresh.rename(self.work / name)

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition while the guest runs; its truth at the end."""
        end = time.monotonic() + seconds
        while not condition():
            if self._process.poll() is not None or time.monotonic() > end:
                return condition()
            time.sleep(LOOK_S)
        return True

    def says(self, text: str, seconds: float) -> bool:
        """Wait until the console has shown ``text``."""
        return self.until(lambda: text in self.log(), seconds)

    def ended(self, seconds: float) -> int | None:
        """Exit status of the script, None when it has none within the time (or the kernel died)."""
        status = self.work / "status"
        return int(status.read_text()) if self.until(status.exists, seconds) else None

    def end(self) -> None:
        """Nothing of the guest is left after this."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._console.close()
        self._short.cleanup()
